sample_server:callback_mode() =:= state_functions andalso is_tuple(gen_statem:call(sample_server, get)).
