-module(sample_worker).
-behaviour(gen_server).
-export([start_link/1, init/1, handle_call/3, handle_cast/2, code_change/3]).

-record(state, {number, label = none}).

start_link(Number) -> gen_server:start_link(?MODULE, Number, []).

init(Number) -> {ok, #state{number = Number}}.
handle_call(get, _From, #state{number = Number} = State) -> {reply, {new, Number}, State}.
handle_cast(_, State) -> {noreply, State}.

code_change({down, _}, #state{number = Number}, _) -> {ok, {state, Number}};
code_change(_, {state, Number}, _) -> {ok, #state{number = Number}}.
