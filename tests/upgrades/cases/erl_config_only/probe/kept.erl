Stages = persistent_term:get(stages) + 1,
persistent_term:put(stages, Stages),
Up = {[{changed, new}], [{added, "text"}], [gone]},
Down = {[{changed, old}], [{gone, true}], [added]},
sample_server:get() =:= here andalso
    persistent_term:get(config_changes) =:= lists:sublist(case Stages rem 2 of 1 -> [Up, Down, Up]; 0 -> [Down, Up] end, Stages).
