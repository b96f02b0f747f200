Process.whereis(:more) != nil
