-module(bell_sup).
-behaviour(supervisor).
-export([start_link/0, init/1]).

start_link() ->
    supervisor:start_link({local, ?MODULE}, ?MODULE, []).

init([]) ->
    Children = [
        #{id => bell, start => {bell, start_link, []}},
        #{id => bell_listener, start => {bell_listener, start_link, []}}
    ],
    {ok, {#{strategy => one_for_one}, Children}}.
