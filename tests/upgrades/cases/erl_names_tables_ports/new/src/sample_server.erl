-module(sample_server).
-behaviour(gen_server).
-export([start_link/0, version/0, port/0, init/1, handle_call/3, handle_cast/2]).

start_link() -> gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).
version() -> new.
port() -> gen_server:call(?MODULE, port).

init([]) ->
    sample_table = ets:new(sample_table, [named_table, public]),
    gen_tcp:listen(0, [{ip, {127, 0, 0, 1}}]).
handle_call(port, _From, Socket) -> {reply, element(2, inet:port(Socket)), Socket}.
handle_cast(_, State) -> {noreply, State}.
