sample_first =:= gen_server:call(worker, who).
