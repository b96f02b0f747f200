desks = [{:via, Registry, {Sample.Names, :hall}}, {:via, PartitionSupervisor, {Sample.Desks, 1}}]
Enum.all?(desks, &(elem(GenServer.call(&1, :get), 1) == :here))
