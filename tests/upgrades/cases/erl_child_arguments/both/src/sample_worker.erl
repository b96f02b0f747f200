-module(sample_worker).
-behaviour(gen_server).
-export([start_link/1, init/1, handle_call/3, handle_cast/2]).

start_link(Name) -> gen_server:start_link({local, Name}, ?MODULE, Name, []).

init(Name) -> {ok, Name}.
handle_call(_, _From, State) -> {reply, State, State}.
handle_cast(_, State) -> {noreply, State}.
