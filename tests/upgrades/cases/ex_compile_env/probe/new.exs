{Sample.Words.greeting(), Application.get_env(:sample, :word)} == {"new", "new"}
