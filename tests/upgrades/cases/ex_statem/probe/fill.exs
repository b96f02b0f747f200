Enum.map(1..100, fn _ -> Sample.Door.push() end) |> List.last() == :shut
