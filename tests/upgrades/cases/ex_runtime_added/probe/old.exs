Application.get_env(:sample, :word) == nil
