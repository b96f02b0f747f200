-module(sample_server).
-behaviour(gen_statem).
-export([start_link/0, callback_mode/0, init/1, handle_event/4, code_change/4]).

start_link() -> gen_statem:start_link({local, ?MODULE}, ?MODULE, [], []).
callback_mode() -> handle_event_function.
init([]) -> {ok, closed, 0}.

handle_event({call, From}, push, closed, Count) -> {next_state, open, Count + 1, {reply, From, true}};
handle_event({call, From}, push, open, Count) -> {next_state, closed, Count, {reply, From, true}};
handle_event({call, From}, get, State, Count) -> {keep_state_and_data, {reply, From, {State, Count}}}.

code_change(_, State, Data, _) -> {ok, State, Data}.
