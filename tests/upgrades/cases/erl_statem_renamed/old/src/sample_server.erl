-module(sample_server).
-behaviour(gen_statem).
-export([start_link/0, callback_mode/0, init/1, closed/3, open/3, code_change/4]).

start_link() -> gen_statem:start_link({local, ?MODULE}, ?MODULE, [], []).
callback_mode() -> state_functions.
init([]) -> {ok, closed, 0}.

closed({call, From}, push, Count) -> {next_state, open, Count + 1, {reply, From, true}};
closed({call, From}, get, Count) -> {keep_state_and_data, {reply, From, {closed, Count}}}.
open({call, From}, push, Count) -> {next_state, closed, Count, {reply, From, true}};
open({call, From}, get, Count) -> {keep_state_and_data, {reply, From, {open, Count}}}.

code_change(_, State, Data, _) -> {ok, State, Data}.
