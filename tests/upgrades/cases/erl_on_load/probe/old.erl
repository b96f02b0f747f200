sample_words:word() =:= old.
