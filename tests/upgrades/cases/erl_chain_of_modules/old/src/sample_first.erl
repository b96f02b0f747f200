-module(sample_first).
-export([word/0]).
word() -> [old | sample_middle:word()].
