[second, first] =:= lists:reverse([Id || {Id, _, _, _} <- supervisor:which_children(sample_sup)]).
