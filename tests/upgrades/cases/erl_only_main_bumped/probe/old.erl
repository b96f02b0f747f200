sample_words:word() =:= [old, old].
