%% Words.
-module(sample_words).

-export([greeting/0]).

%% A friendly one.
greeting() ->
    hello.
