-module(hotline_sup).
-behaviour(supervisor).
-export([start_link/0, init/1]).

start_link() ->
    supervisor:start_link({local, ?MODULE}, ?MODULE, []).

init([]) ->
    Calls = #{id => hotline_calls, start => {hotline_calls, start_link, []}, type => supervisor},
    Listener = #{id => hotline_listener, start => {hotline_listener, start_link, []}},
    {ok, {#{strategy => rest_for_one}, [Calls, Listener]}}.
