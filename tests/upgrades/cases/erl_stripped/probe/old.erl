sample_words:greeting() =:= old.
