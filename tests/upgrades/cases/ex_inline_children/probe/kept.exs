Sample.Server.get() == Process.whereis(:stays)
