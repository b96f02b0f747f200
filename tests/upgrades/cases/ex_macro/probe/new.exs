Sample.Words.greeting() == "new" and match?({"new", _}, GenServer.call(Sample.Kitted, :get))
