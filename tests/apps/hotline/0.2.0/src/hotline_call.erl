%% One caller: answers each line with how many lines it has had, and how long its last one was.
-module(hotline_call).
-behaviour(gen_server).
-export([start_link/1, begin_call/1, init/1, handle_call/3, handle_cast/2, handle_info/2, code_change/3]).

-record(call, {
    socket :: gen_tcp:socket(),
    count = 0 :: non_neg_integer(),
    last = 0 :: non_neg_integer()
}).

start_link(Socket) ->
    gen_server:start_link(?MODULE, Socket, []).

begin_call(Call) ->
    gen_server:cast(Call, begin_call).

init(Socket) ->
    {ok, #call{socket = Socket}}.

handle_call(_, _From, Call) ->
    {reply, ok, Call}.

handle_cast(begin_call, #call{socket = Socket} = Call) ->
    ok = inet:setopts(Socket, [{active, once}]),
    {noreply, Call}.

handle_info({tcp, Socket, Line}, #call{count = Count} = Call) ->
    ok = gen_tcp:send(Socket, [integer_to_list(Count + 1), " ", integer_to_list(byte_size(Line)), "\n"]),
    ok = inet:setopts(Socket, [{active, once}]),
    {noreply, Call#call{count = Count + 1, last = byte_size(Line)}};
handle_info({tcp_closed, _}, Call) ->
    {stop, normal, Call};
handle_info({tcp_error, _, _}, Call) ->
    {stop, normal, Call}.

code_change({down, _Vsn}, #call{socket = Socket, count = Count}, _Extra) ->
    {ok, {call, Socket, Count}};
code_change(_Vsn, {call, Socket, Count}, _Extra) ->
    {ok, #call{socket = Socket, count = Count}}.
