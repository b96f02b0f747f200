sample_words:word() =:= {new, 42}.
