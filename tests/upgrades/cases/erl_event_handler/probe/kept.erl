[1, 1] =:= [gen_event:call(sample_events, Handler, get) || Handler <- [sample_handler, {sample_handler, by_hand}]].
