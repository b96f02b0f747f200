other:word() =:= old andalso {ok, "7"} =:= application:get_key(sample, vsn).
