sample_words:word() =:= new.
