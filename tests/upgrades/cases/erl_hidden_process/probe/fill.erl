is_pid(element(2, sample_worker:start())).
