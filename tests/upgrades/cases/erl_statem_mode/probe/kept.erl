gen_statem:call(sample_server, get) =:= {open, 1}.
