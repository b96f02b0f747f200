sample_second =:= gen_server:call(worker, who).
