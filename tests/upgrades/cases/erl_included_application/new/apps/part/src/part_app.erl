-module(part_app).
-behaviour(application).
-export([start/2, stop/1]).

start(_Type, _Args) -> error(included).
stop(_State) -> ok.
