-module(sample_first).
-export([word/0]).
word() -> [new | sample_middle:word()].
