maps:keys(sys:get_state(sample_server)) =:= [reads, value].
