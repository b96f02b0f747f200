{Process.whereis(:gone), Process.whereis(:come) != nil} == {nil, true} and
  :sys.get_state(Sample.Guests).max_restarts == 6
