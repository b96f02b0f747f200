Sample.Words.greeting() == "new" and System.get_env("RELEASE_VSN") == "1.0.0+build.7"
