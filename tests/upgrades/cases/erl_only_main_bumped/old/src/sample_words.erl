-module(sample_words).
-export([word/0]).
word() -> [old, other:word()].
