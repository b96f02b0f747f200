[old, old] =:= [element(1, sample_a:count()), element(1, sample_b:count())].
