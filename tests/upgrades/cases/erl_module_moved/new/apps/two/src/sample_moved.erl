-module(sample_moved).
-export([word/0]).
word() -> two.
