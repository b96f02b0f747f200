first =:= gen_server:call(first, who).
