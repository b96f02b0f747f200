sample_server:callback_mode() =:= handle_event_function andalso is_tuple(gen_statem:call(sample_server, get)).
