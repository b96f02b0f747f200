-module(sample_a).
-behaviour(gen_server).
-export([start_link/0, ask/0, count/0, init/1, handle_call/3, handle_cast/2, code_change/3]).

start_link() -> gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).
ask() -> gen_server:call(?MODULE, ask).
count() -> gen_server:call(?MODULE, count).

init([]) -> {ok, [1]}.
handle_call(ask, _From, [Count]) -> {reply, sample_b:count(), [Count + 1]};
handle_call(count, _From, [Count]) -> {reply, {new, Count}, [Count]}.
handle_cast(_, State) -> {noreply, State}.

code_change({down, _}, [Count], _) -> {ok, {Count}};
code_change(_, {Count}, _) -> {ok, [Count]}.
