-module(sample_sup).
-behaviour(supervisor).
-export([start_link/0, init/1, version/0]).

start_link() -> supervisor:start_link({local, ?MODULE}, ?MODULE, []).
version() -> old.

init([]) ->
    {ok, Socket} = gen_tcp:listen(0, []),
    persistent_term:put(sockets, [Socket | persistent_term:get(sockets, [])]),
    {ok, {#{}, [#{id => sample_server, start => {sample_server, start_link, []}}]}}.
