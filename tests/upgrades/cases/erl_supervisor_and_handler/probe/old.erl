undefined =:= whereis(sample_server).
