Enum.all?([:sleeper, :worker], &(elem(:sys.get_state(&1), 1) == 50_000))
