elem(:sys.get_state(Sample.Special), 1) == 1
