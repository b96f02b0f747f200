-module(sample_words).
-export([answer/3]).

answer({put, Value}, _, _) -> {reply, true, Value};
answer(get, _, Value) -> {reply, {new, Value}, Value}.
