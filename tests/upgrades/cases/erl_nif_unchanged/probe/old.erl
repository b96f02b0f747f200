sample_words:word() =:= {old, 42}.
