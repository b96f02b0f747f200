second =:= gen_server:call(second, who).
