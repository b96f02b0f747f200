sample_first:word() =:= [new, new, new].
