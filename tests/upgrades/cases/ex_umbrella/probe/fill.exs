Agent.update(:other, &Map.put(&1, :here, true)) == :ok
