Process.whereis(:inets_sup) == nil
