sample_server:get() =:= here.
