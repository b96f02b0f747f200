Sample.Words.greeting() == "old old old" and Application.spec(:ground, :vsn) == ~c"1.1.0"
