[undefined, undefined] =:= [whereis(Name) || Name <- [sample_pool_sup, first]].
