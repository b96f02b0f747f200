-module(sample_server).
-behaviour(gen_server).
-export([start_link/0, fill/0, size/0, init/1, handle_call/3, handle_cast/2, code_change/3]).

-record(state, {items = #{}, count = 0}).

start_link() -> gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).
fill() -> gen_server:call(?MODULE, fill).
size() -> gen_server:call(?MODULE, size).

init([]) -> {ok, #state{}}.
handle_call(fill, _From, State) -> {reply, true, State};
handle_call(size, _From, #state{count = Count} = State) -> {reply, Count, State}.
handle_cast(_, State) -> {noreply, State}.

code_change({down, _}, #state{items = Items}, _) -> {ok, {state, Items}};
code_change(_, {state, Items}, _) -> {ok, #state{items = Items, count = map_size(Items)}}.
