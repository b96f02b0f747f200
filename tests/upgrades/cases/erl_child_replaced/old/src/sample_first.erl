-module(sample_first).
-behaviour(gen_server).
-export([start_link/0, init/1, handle_call/3, handle_cast/2]).

start_link() -> gen_server:start_link({local, worker}, ?MODULE, [], []).

init([]) -> {ok, first}.
handle_call(who, _From, State) -> {reply, ?MODULE, State}.
handle_cast(_, State) -> {noreply, State}.
