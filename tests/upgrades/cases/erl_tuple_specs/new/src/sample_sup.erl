-module(sample_sup).
-behaviour(supervisor).
-export([start_link/0, init/1]).

start_link() -> supervisor:start_link({local, ?MODULE}, ?MODULE, []).

init([]) ->
    Children = [{N, {sample_worker, start_link, [N]}, permanent, 5000, worker, [sample_worker]} || N <- [first, second]],
    {ok, {{one_for_one, 1, 5}, Children}}.
