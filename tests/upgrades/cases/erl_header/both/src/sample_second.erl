-module(sample_second).
-include("sample.hrl").
-export([words/0]).
words() -> [?WORD, sample_first:word()].
