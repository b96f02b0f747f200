{:ok, guest} = DynamicSupervisor.start_child(Sample.Guests, {Sample.Thing, :guest})
Sample.Server.put({Process.whereis(:stays), guest})
