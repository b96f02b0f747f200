Process.whereis(:more) == nil
