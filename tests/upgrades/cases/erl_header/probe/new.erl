sample_second:words() =:= [new, new].
