Agent.get(Sample.Counter, & &1) == 1
