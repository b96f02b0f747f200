gen_statem:call(sample_server, push).
