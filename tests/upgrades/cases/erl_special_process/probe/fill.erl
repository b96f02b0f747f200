sample_server ! {put, here}, true.
