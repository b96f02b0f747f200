Process.whereis(:temp) != nil and apply(Loaded, :word, []) == "loaded" and
  apply(None, :word, []) == "none" and
  Application.spec(:none) == nil and
  not List.keymember?(Application.started_applications(), :loaded, 0)
