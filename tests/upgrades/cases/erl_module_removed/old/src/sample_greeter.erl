-module(sample_greeter).
-export([greet/0]).
greet() -> sample_words:word().
