Sample.Server.put(%{greet: [Sample.Words.greeter("Ada")]})
