-module(sample_sup).
-behaviour(supervisor).
-export([start_link/0, init/1]).

start_link() -> supervisor:start_link({local, ?MODULE}, ?MODULE, []).

init([]) ->
    Children = [
        #{id => first, start => {sample_worker, start_link, [first]}},
        #{id => sample_server, start => {sample_server, start_link, []}}
    ],
    {ok, {#{strategy => one_for_one}, Children}}.
