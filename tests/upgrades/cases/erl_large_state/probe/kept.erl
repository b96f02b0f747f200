sample_server:size() =:= 100000.
