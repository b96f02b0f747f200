register(memo, spawn(fun() -> receive stop -> ok end end)), memo ! [whereis(first), whereis(second)], true.
