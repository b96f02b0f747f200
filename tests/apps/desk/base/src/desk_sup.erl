-module(desk_sup).
-behaviour(supervisor).
-export([start_link/0, init/1]).

start_link() ->
    supervisor:start_link({local, ?MODULE}, ?MODULE, []).

init([]) ->
    Calls = #{id => desk_calls, start => {desk_calls, start_link, []}, type => supervisor},
    Listener = #{id => desk_listener, start => {desk_listener, start_link, []}},
    {ok, {#{strategy => rest_for_one}, [Calls, Listener]}}.
