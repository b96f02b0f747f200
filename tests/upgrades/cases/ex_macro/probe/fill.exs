GenServer.call(Sample.Kitted, {:put, :here})
