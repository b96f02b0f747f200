[{port, sample_server:port()}] =:= ets:lookup(sample_table, port) andalso [{pid, whereis(sample_server)}] =:= ets:lookup(sample_table, pid).
