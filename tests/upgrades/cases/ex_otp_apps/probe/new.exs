Process.whereis(:inets_sup) != nil and apply(Sample.Words, :digest, []) == 32
