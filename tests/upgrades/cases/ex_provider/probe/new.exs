Enum.sort(Application.get_all_env(:sample)) == [more: 1, word: "new"]
