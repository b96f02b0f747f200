is_pid(whereis(sample_worker)).
