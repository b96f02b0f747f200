Sample.Server.put(struct(Sample.Square))
