-module(sample_sup).
-behaviour(supervisor).
-export([start_link/0, init/1]).

start_link() -> supervisor:start_link({local, ?MODULE}, ?MODULE, []).

init([]) ->
    Children = [
        #{id => {worker, 2}, start => {sample_worker, start_link, [second]}},
        #{id => sample_server, start => {sample_server, start_link, []}},
        #{id => third, start => {sample_worker, start_link, [third]}}
    ],
    {ok, {#{strategy => one_for_one}, Children}}.
