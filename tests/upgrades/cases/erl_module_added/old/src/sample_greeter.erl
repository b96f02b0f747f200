-module(sample_greeter).
-export([greet/0]).
greet() -> alone.
