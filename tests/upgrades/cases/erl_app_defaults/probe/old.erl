[{ok, 1}, {ok, 5}, {ok, 1}, undefined] =:= [application:get_env(sample, Key) || Key <- [size, depth, gone, added]].
