{ok, low} =:= application:get_env(sample, level) andalso {ok, [1]} =:= application:get_env(sample, found_out).
