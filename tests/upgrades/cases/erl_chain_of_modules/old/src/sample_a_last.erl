-module(sample_a_last).
-export([word/0]).
word() -> [old].
