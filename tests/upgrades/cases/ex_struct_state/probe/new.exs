Sample.Server.puts() == 0
