{state, data} = :sys.get_state(Sample.Door)

state == :shut and Map.keys(data) == [:pushes] and Sample.Door.push() == :open and
  Sample.Door.push() == :shut
