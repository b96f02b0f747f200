rem(Sample.Counter.get(), 10) == 0
