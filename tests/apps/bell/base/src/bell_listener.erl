-module(bell_listener).
-export([start_link/0, init/0]).

start_link() ->
    proc_lib:start_link(?MODULE, init, []).

init() ->
    {ok, Port} = application:get_env(bell, port),
    {ok, Socket} = gen_tcp:listen(Port, [list, {packet, line}, {active, false}, {reuseaddr, true}]),
    proc_lib:init_ack({ok, self()}),
    accept(Socket).

accept(Socket) ->
    {ok, Client} = gen_tcp:accept(Socket),
    Pid = spawn(fun() -> receive go -> serve(Client) end end),
    ok = gen_tcp:controlling_process(Client, Pid),
    Pid ! go,
    accept(Socket).

serve(Client) ->
    case gen_tcp:recv(Client, 0) of
        {ok, Line} ->
            ok = gen_tcp:send(Client, [answer(string:trim(Line)), "\n"]),
            serve(Client);
        {error, closed} ->
            ok
    end.

answer("ring") ->
    bell:ring();
answer("strokes") ->
    integer_to_list(bell:strokes());
answer("version") ->
    {ok, Version} = application:get_key(bell, vsn),
    Version;
answer(_) ->
    "what?".
