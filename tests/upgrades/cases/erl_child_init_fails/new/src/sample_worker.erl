-module(sample_worker).
-behaviour(gen_server).
-export([start_link/0, init/1, handle_call/3, handle_cast/2]).

start_link() -> gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

init([]) -> {ok, false = persistent_term:get(old_was_here, false)}.
handle_call(_, _From, State) -> {reply, State, State}.
handle_cast(_, State) -> {noreply, State}.
