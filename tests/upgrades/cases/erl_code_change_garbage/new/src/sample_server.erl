-module(sample_server).
-behaviour(gen_server).
-export([start_link/0, put/1, get/0, init/1, handle_call/3, handle_cast/2, code_change/3]).

start_link() -> gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).
put(Value) -> gen_server:call(?MODULE, {put, Value}).
get() -> gen_server:call(?MODULE, get).

init([]) -> {ok, undefined}.
handle_call({put, Value}, _From, _) -> {reply, true, Value};
handle_call(get, _From, Value) -> {reply, Value, Value}.
handle_cast(_, State) -> {noreply, State}.

code_change(_, _, _) -> garbage.
