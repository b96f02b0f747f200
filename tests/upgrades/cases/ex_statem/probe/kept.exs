elem(:sys.get_state(Sample.Door), 1).pushes > 100
