ets:insert(sample_table, [{port, sample_server:port()}, {pid, whereis(sample_server)}]).
