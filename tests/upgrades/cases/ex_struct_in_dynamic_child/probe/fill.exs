match?({:ok, _}, DynamicSupervisor.start_child(Sample.Guests, {Sample.Guest, "Ada"}))
