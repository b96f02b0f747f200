-module(sample_app).
-behaviour(application).
-export([start/2, stop/1]).

start(_Type, _Args) -> {error, no_such_database}.
stop(_State) -> ok.
