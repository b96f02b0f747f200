tuple_size(sys:get_state(sample_server)) =:= 3.
