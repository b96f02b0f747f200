{:ok, _} = DynamicSupervisor.start_child(Sample.Guests, {Sample.Desk, :hall})
desks = [{:via, Registry, {Sample.Names, :hall}}, {:via, PartitionSupervisor, {Sample.Desks, 1}}]
Enum.all?(desks, &(Sample.Desk.put(&1, :here) == :ok))
