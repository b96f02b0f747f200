Enum.all?([:red, :green, :blue], &match?({:ok, _}, Sample.Rooms.open(&1)))
