-module(sample_app).
-behaviour(application).
-export([start/2, stop/1, config_change/3]).

start(_Type, _Args) -> sample_sup:start_link().
stop(_State) -> ok.

config_change(Changed, Added, Removed) ->
    Calls = persistent_term:get(config_changes, []),
    persistent_term:put(config_changes, [{Changed, Added, Removed} | Calls]).
