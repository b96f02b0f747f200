ok = gen_event:add_handler(sample_events, sample_handler, []), ok =:= gen_event:sync_notify(sample_events, one).
