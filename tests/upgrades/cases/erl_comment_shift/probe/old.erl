sample_words:greeting() =:= hello.
