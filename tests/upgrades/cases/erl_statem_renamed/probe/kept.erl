element(2, gen_statem:call(sample_server, get)) =:= 1.
