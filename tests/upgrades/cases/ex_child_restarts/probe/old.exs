Enum.all?([:sleeper, :worker, :once], &(tuple_size(:sys.get_state(&1)) == 2))
