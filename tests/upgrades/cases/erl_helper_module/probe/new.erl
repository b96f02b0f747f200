element(1, sample_server:get()) =:= new.
