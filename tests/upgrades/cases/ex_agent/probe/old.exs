Sample.Counter.get() in 0..9
