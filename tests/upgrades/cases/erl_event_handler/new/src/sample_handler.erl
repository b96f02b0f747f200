-module(sample_handler).
-behaviour(gen_event).
-export([init/1, handle_event/2, handle_call/2, code_change/3]).

init([]) -> {ok, {seen, 0, none}}.
handle_event(Last, {seen, Count, _}) -> {ok, {seen, Count + 1, Last}}.
handle_call(get, {seen, Count, _} = State) -> {ok, Count, State}.

code_change({down, _}, {seen, Count, _}, _) -> {ok, {seen, Count}};
code_change(_, {seen, Count}, _) -> {ok, {seen, Count, none}}.
