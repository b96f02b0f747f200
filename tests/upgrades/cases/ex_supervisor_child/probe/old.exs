{Process.whereis(:gone) != nil, Process.whereis(:come)} == {true, nil}
