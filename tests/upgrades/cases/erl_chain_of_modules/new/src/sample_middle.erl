-module(sample_middle).
-export([word/0]).
word() -> [new | sample_a_last:word()].
