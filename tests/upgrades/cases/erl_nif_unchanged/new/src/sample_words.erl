-module(sample_words).
-export([word/0]).
word() -> {new, sample_nif:answer()}.
