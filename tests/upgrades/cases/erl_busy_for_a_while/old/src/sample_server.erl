-module(sample_server).
-behaviour(gen_server).
-export([start_link/0, put/1, get/0, init/1, handle_call/3, handle_cast/2]).

-record(state, {value}).

start_link() -> gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).
put(Value) -> gen_server:call(?MODULE, {put, Value}).
get() -> gen_server:call(?MODULE, get).

init([]) -> {ok, #state{}}.
handle_call({put, Value}, _From, State) -> {reply, true, State#state{value = Value}};
handle_call(get, _From, #state{value = Value} = State) -> {reply, Value, State}.
handle_cast({busy, Time}, State) -> {noreply, timer:sleep(Time) =:= ok andalso State}.
