Sample.Server.get() == :here
