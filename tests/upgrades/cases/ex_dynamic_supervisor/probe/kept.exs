Sample.Rooms.all() |> Enum.map(&elem(&1, 1)) |> Enum.sort() == [:blue, :green, :red]
