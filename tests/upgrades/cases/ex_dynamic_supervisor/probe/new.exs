flags = :sys.get_state(Sample.Rooms)

{flags.max_children, flags.max_restarts} == {20, 7} and
  Enum.all?(Sample.Rooms.all(), &match?({:room, _, _}, &1))
