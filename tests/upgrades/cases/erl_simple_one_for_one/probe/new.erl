[] =:= [Pid || {_, Pid, _, _} <- supervisor:which_children(sample_sup), element(1, gen_server:call(Pid, get)) =/= new].
