5 =:= length([Pid || Number <- lists:seq(1, 5), {ok, Pid} <- [supervisor:start_child(sample_sup, [Number])]]).
