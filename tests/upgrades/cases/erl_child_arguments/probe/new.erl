{ok, #{start := {_, _, [later]}, shutdown := 100}} = supervisor:get_childspec(sample_sup, worker), true.
