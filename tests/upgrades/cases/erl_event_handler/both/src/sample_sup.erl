-module(sample_sup).
-behaviour(supervisor).
-export([start_link/0, init/1]).

start_link() -> supervisor:start_link({local, ?MODULE}, ?MODULE, []).

init([]) ->
    Events = #{id => events, start => {gen_event, start_link, [{local, sample_events}]}, modules => dynamic},
    {ok, {#{strategy => rest_for_one}, [Events, #{id => sample_server, start => {sample_server, start_link, []}}]}}.
