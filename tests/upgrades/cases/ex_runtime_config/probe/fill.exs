Sample.Server.put([])
