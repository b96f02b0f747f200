[{ok, 2}, {ok, 5}, undefined, {ok, 2}] =:= [application:get_env(sample, Key) || Key <- [size, depth, gone, added]].
