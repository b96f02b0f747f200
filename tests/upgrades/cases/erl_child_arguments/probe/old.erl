{ok, #{start := {_, _, [before]}, shutdown := 5000}} = supervisor:get_childspec(sample_sup, worker), true.
