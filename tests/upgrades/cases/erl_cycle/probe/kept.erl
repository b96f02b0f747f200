[2, 2] =:= [element(2, sample_a:count()), element(2, sample_b:count())].
