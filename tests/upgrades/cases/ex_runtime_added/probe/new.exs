Application.get_env(:sample, :word) == "runtime"
