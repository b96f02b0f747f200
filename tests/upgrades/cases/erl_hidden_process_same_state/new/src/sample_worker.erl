-module(sample_worker).
-behaviour(gen_server).
-export([start/0, init/1, handle_call/3, handle_cast/2]).

start() -> gen_server:start({local, hidden}, ?MODULE, [], []).

init([]) -> {ok, 0}.
handle_call(version, _From, Count) -> {reply, new, Count + 1}.
handle_cast(_, State) -> {noreply, State}.
