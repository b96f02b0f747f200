element(2, sample_server:get()) =:= here.
