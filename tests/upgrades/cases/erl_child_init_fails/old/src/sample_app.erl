-module(sample_app).
-behaviour(application).
-export([start/2, stop/1]).

start(_Type, _Args) ->
    ok = persistent_term:put(old_was_here, true),
    sample_sup:start_link().
stop(_State) -> ok.
