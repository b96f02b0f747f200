Sample.Words.greeting() == "old" and match?({"old", _}, GenServer.call(Sample.Kitted, :get))
