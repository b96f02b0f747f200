Sample.Server.put(:here)
