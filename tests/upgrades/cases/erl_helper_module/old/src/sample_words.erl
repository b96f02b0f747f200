-module(sample_words).
-export([answer/2]).

answer({put, Value}, _) -> {reply, true, Value};
answer(get, Value) -> {reply, {old, Value}, Value}.
