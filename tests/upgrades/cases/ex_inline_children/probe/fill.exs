Sample.Server.put(Process.whereis(:stays))
