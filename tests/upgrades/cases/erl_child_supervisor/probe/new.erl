[true, true, true] =:= [is_pid(whereis(Name)) || Name <- [sample_pool_sup, first, second]].
