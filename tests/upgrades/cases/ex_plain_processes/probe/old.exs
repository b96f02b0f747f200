function_exported?(Sample.Plain, :loop, 1)
