{Version, 1} = gen_event:call(sample_events, sample_handler, get), Version =:= case whereis(sample_server) of undefined -> old; _ -> new end.
