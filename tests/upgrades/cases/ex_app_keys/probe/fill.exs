Sample.Server.get() == :first and Sample.Server.put(:here)
