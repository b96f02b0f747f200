{Process.whereis(:gone) != nil, Process.whereis(:come)} == {true, nil} and
  :sys.get_state(Sample.Guests).max_restarts == 5
