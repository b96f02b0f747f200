match?({_, :here}, GenServer.call(Sample.Kitted, :get))
