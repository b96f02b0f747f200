-module(sample_sup).
-behaviour(supervisor).
-export([start_link/0, init/1]).

start_link() -> supervisor:start_link({local, ?MODULE}, ?MODULE, []).

init([]) ->
    Flags = #{strategy => rest_for_one, intensity => 7, period => 9},
    {ok, {Flags, [#{id => N, start => {sample_worker, start_link, [N]}} || N <- [second, first]]}}.
