ok =:= gen_event:add_handler(sample_events, sample_handler, []).
