-module(sample_server).
-export([start_link/0, init/1, loop/2]).
-export([system_continue/3, system_terminate/4, system_get_state/1, system_code_change/4]).

start_link() -> proc_lib:start_link(?MODULE, init, [self()]).

init(Parent) ->
    register(?MODULE, self()),
    proc_lib:init_ack(Parent, {ok, self()}),
    loop(Parent, {value, undefined}).

loop(Parent, {value, Value} = State) ->
    receive
        {system, From, Request} -> sys:handle_system_msg(Request, From, Parent, ?MODULE, [], State);
        {put, New} -> ?MODULE:loop(Parent, {value, New});
        {get, From} ->
            From ! {value, Value},
            ?MODULE:loop(Parent, State)
    end.

system_continue(Parent, _, State) -> ?MODULE:loop(Parent, State).
system_terminate(Reason, _, _, _) -> exit(Reason).
system_get_state(State) -> {ok, State}.
system_code_change(State, _, _, _) -> {ok, State}.
