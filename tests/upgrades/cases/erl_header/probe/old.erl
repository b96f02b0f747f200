sample_second:words() =:= [old, old].
