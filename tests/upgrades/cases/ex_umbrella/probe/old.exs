Sample.Words.greeting() == "old"
