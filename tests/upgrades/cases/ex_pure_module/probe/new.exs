Sample.Words.greeting() == "new"
