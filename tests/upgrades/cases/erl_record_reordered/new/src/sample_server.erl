-module(sample_server).
-behaviour(gen_server).
-export([start_link/0, init/1, handle_call/3, handle_cast/2]).

-record(state, {high = 9, low = 1}).

start_link() -> gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

init([]) -> {ok, #state{}}.
handle_call(get, _From, #state{low = Low, high = High} = State) -> {reply, {Low, High}, State}.
handle_cast(_, State) -> {noreply, State}.
