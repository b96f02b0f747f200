-module(sample_first).
-include("sample.hrl").
-export([word/0]).
word() -> ?WORD.
