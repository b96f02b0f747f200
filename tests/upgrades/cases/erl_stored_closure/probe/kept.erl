{old, me} =:= (sample_server:get())().
