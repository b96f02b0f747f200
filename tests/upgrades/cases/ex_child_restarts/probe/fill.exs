for name <- [:sleeper, :worker], _ <- 1..50_000, do: GenServer.cast(name, :count)
true
