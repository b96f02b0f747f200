-module(plain).
-behaviour(application).
-behaviour(supervisor).
-export([start/2, stop/1, init/1, answer/0]).

start(_Type, _Args) ->
    supervisor:start_link({local, ?MODULE}, ?MODULE, []).

stop(_State) ->
    ok.

init([]) ->
    {ok, {#{}, []}}.

answer() ->
    42.
