{state, data} = :sys.get_state(Sample.Door)

state == :closed and data.locked == false and Sample.Door.push() == :open and
  Sample.Door.push() == :closed
