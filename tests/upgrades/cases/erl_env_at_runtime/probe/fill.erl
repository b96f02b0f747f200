ok = application:set_env(sample, level, high), ok =:= application:set_env(sample, found_out, [1]).
