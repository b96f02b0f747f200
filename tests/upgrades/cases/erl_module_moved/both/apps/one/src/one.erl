-module(one).
-export([word/0]).
word() -> sample_moved:word().
