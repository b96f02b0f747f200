:ets.insert(:sample_table, {:began, :persistent_term.get(:sample_began)})
