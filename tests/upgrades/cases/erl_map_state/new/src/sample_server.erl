-module(sample_server).
-vsn("two").
-behaviour(gen_server).
-export([start_link/0, put/1, get/0, init/1, handle_call/3, handle_cast/2, code_change/3]).

start_link() -> gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).
put(Value) -> gen_server:call(?MODULE, {put, Value}).
get() -> gen_server:call(?MODULE, get).

init([]) -> {ok, #{value => undefined, reads => 0}}.
handle_call({put, Value}, _From, State) -> {reply, true, State#{value := Value}};
handle_call(get, _From, #{value := Value, reads := Reads} = State) -> {reply, Value, State#{reads := Reads + 1}}.
handle_cast(_, State) -> {noreply, State}.

code_change("one", State, _) -> {ok, State#{reads => 0}};
code_change({down, "one"}, State, _) -> {ok, maps:remove(reads, State)}.
