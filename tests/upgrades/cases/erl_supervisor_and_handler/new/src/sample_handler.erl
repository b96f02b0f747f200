-module(sample_handler).
-behaviour(gen_event).
-export([init/1, handle_event/2, handle_call/2]).

init([]) -> {ok, 0}.
handle_event(_, Count) -> {ok, Count + 1}.
handle_call(get, Count) -> {ok, {new, Count}, Count}.
