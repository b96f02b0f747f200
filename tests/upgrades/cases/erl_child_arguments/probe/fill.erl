before =:= gen_server:call(before, who).
