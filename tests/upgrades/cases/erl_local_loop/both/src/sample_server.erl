-module(sample_server).
-behaviour(gen_server).
-export([start_link/0, put/1, get/0, init/1, handle_call/3, handle_cast/2]).

start_link() -> gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).
put(Value) -> gen_server:call(?MODULE, {put, Value}).
get() -> gen_server:call(?MODULE, get).

init([]) -> {ok, sample_loop:start_link()}.
handle_call({put, Value}, _From, Loop) -> {reply, true, sample_loop:put(Loop, Value)};
handle_call(get, _From, Loop) -> {reply, sample_loop:get(Loop), Loop}.
handle_cast(_, State) -> {noreply, State}.
