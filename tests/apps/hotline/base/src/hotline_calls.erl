%% The supervisor of all calls.
-module(hotline_calls).
-behaviour(supervisor).
-export([start_link/0, start_call/1, init/1]).

start_link() ->
    supervisor:start_link({local, ?MODULE}, ?MODULE, []).

start_call(Socket) ->
    supervisor:start_child(?MODULE, [Socket]).

init([]) ->
    Call = #{id => hotline_call, start => {hotline_call, start_link, []}, restart => temporary},
    {ok, {#{strategy => simple_one_for_one}, [Call]}}.
