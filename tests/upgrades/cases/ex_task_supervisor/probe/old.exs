function_exported?(Sample.Work, :run, 1)
