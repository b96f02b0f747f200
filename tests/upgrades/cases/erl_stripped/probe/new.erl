sample_words:greeting() =:= new.
