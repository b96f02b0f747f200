Process.whereis(:temp) == nil and Application.spec(:loaded) == nil
