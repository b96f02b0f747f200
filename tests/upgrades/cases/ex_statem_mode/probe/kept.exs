elem(:sys.get_state(Sample.Door), 1) > 100
