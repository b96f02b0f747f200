Sample.Words.greeting() == "new new new" and Application.spec(:ground, :vsn) == ~c"1.2.0"
