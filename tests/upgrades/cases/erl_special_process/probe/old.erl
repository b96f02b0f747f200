2 =:= tuple_size(sys:get_state(sample_server)).
