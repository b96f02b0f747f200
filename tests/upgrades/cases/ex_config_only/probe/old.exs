Enum.sort(Application.get_all_env(:sample)) == [gone: 1, same: 0, word: "old"]
