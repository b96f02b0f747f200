-module(sample_handler).
-behaviour(gen_event).
-export([init/1, handle_event/2, handle_call/2]).

init([]) -> {ok, {seen, 0}}.
handle_event(_, {seen, Count}) -> {ok, {seen, Count + 1}}.
handle_call(get, {seen, Count} = State) -> {ok, Count, State}.
