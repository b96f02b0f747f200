Enum.sort(Application.get_all_env(:sample)) == [come: 2, same: 0, word: "new word"]
