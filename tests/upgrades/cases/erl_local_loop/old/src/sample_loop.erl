-module(sample_loop).
-export([start_link/0, put/2, get/1]).

start_link() -> spawn_link(fun() -> register(?MODULE, self()), loop(none) end).

put(Loop, Value) ->
    Loop ! {put, Value},
    Loop.

get(Loop) ->
    Loop ! {get, self()},
    receive
        {value, Value} -> Value
    end.

loop(Value) ->
    receive
        {put, New} -> loop(New);
        {get, From} -> loop(element(1, {Value, From ! {value, Value}}))
    end.
