extra =:= gen_server:call(extra_server, get).
