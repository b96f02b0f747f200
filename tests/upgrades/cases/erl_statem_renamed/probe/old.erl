lists:member(gen_statem:call(sample_server, get), [{closed, 0}, {open, 1}]).
