Enum.sort(Application.get_all_env(:sample)) == [come: 2, word: "new"]
