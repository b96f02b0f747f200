-module(sample_server).
-behaviour(gen_server).
-export([start_link/0, fill/0, size/0, init/1, handle_call/3, handle_cast/2]).

-record(state, {items = #{}}).

start_link() -> gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).
fill() -> gen_server:call(?MODULE, fill).
size() -> gen_server:call(?MODULE, size).

init([]) -> {ok, #state{}}.
handle_call(fill, _From, _) -> {reply, true, #state{items = maps:from_list([{N, {item, N}} || N <- lists:seq(1, 100000)])}};
handle_call(size, _From, #state{items = Items} = State) -> {reply, map_size(Items), State}.
handle_cast(_, State) -> {noreply, State}.
