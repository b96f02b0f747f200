:ets.lookup(:sample_table, :began) == [began: :persistent_term.get(:sample_began)]
