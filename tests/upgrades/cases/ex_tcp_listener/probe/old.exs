is_integer(Sample.Listener.port())
