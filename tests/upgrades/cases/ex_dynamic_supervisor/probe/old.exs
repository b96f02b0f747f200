flags = :sys.get_state(Sample.Rooms)

{flags.max_children, flags.max_restarts} == {10, 3} and
  Enum.all?(Sample.Rooms.all(), &match?({:room, _}, &1))
