:persistent_term.put(:sample_plain, Process.whereis(:sample_plain)) == :ok
