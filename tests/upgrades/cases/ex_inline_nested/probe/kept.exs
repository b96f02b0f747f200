Sample.Server.get() == {Process.whereis(:stays), Process.whereis(:guest)}
