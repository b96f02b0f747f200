Application.get_all_env(:sample) == [word: "old"]
