Map.keys(:sys.get_state(Sample.Server)) == [:__struct__, :value]
