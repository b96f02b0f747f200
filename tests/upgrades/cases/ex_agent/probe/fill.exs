Sample.Counter.step() == 0
