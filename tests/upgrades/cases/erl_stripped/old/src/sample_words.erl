-module(sample_words).
-export([greeting/0]).
greeting() -> old.
