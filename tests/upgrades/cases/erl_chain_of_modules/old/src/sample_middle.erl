-module(sample_middle).
-export([word/0]).
word() -> [old | sample_a_last:word()].
