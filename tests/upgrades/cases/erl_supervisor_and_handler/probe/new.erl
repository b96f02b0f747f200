is_pid(whereis(sample_server)).
