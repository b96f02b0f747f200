match?({:new, _}, GenServer.call({:via, PartitionSupervisor, {Sample.Desks, 1}}, :get))
