-module(sample_pool_sup).
-behaviour(supervisor).
-export([start_link/0, init/1]).

start_link() -> supervisor:start_link({local, ?MODULE}, ?MODULE, []).

init([]) -> {ok, {#{}, [#{id => N, start => {sample_worker, start_link, [N]}} || N <- [first, second]]}}.
