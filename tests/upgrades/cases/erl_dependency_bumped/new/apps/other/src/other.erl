-module(other).
-export([word/0]).
word() -> new.
