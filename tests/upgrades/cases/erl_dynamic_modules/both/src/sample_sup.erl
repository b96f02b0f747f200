-module(sample_sup).
-behaviour(supervisor).
-export([start_link/0, init/1]).

start_link() -> supervisor:start_link({local, ?MODULE}, ?MODULE, []).

init([]) -> {ok, {#{}, [#{id => sample_server, start => {sample_server, start_link, []}, modules => dynamic}]}}.
