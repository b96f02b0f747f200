-module(sample_sup).
-behaviour(supervisor).
-export([start_link/0, init/1]).

start_link() -> supervisor:start_link({local, ?MODULE}, ?MODULE, []).

init([]) -> {ok, {#{}, [#{id => Name, start => {Name, start_link, []}} || Name <- [sample_server, sample_worker]]}}.
