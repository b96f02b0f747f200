[1, 2, 3, 4, 5] =:= lists:sort([element(2, gen_server:call(Pid, get)) || {_, Pid, _, _} <- supervisor:which_children(sample_sup)]).
