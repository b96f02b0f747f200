[3] =:= lists:usort([tuple_size(State) || {_, _, State} <- sys:get_state(sample_events)]).
