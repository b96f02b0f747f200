-module(sample_words).
-export([greeter/1]).
greeter(Name) -> fun() -> {old, Name} end.
