tuple_size(:sys.get_state(Sample.Special)) == 2
