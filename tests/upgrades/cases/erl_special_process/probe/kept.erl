sample_server ! {get, self()}, receive {value, Value} -> Value =:= here after 1000 -> false end.
