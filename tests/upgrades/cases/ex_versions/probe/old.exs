Sample.Words.greeting() == "old" and System.get_env("RELEASE_VSN") == "1.0.0-rc.1"
