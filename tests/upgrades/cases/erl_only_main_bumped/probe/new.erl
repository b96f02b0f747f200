sample_words:word() =:= [new, old].
