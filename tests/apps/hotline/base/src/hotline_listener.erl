%% Holds the listening socket. Its acceptor runs a function of this module from outside, so that it takes new code.
-module(hotline_listener).
-behaviour(gen_server).
-export([start_link/0, accept/1, init/1, handle_call/3, handle_cast/2]).

start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

init([]) ->
    {ok, Port} = application:get_env(hotline, port),
    Options = [binary, {packet, line}, {active, false}, {reuseaddr, true}, {backlog, 2000}],
    {ok, Socket} = gen_tcp:listen(Port, Options),
    {ok, {Socket, spawn_link(?MODULE, accept, [Socket])}}.

accept(Listening) ->
    {ok, Socket} = gen_tcp:accept(Listening),
    {ok, Call} = hotline_calls:start_call(Socket),
    ok = gen_tcp:controlling_process(Socket, Call),
    ok = hotline_call:begin_call(Call),
    ?MODULE:accept(Listening).

handle_call(_, _From, State) ->
    {reply, ok, State}.

handle_cast(_, State) ->
    {noreply, State}.
