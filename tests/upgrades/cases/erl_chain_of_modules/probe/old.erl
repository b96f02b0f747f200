sample_first:word() =:= [old, old, old].
