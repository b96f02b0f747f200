-module(bell).
-behaviour(gen_server).
-export([start_link/0, ring/0, strokes/0, sound/0]).
-export([init/1, handle_call/3, handle_cast/2]).

-ifdef(LOUD).
sound() -> "BONG BONG".
-else.
sound() -> "ding".
-endif.

start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

ring() ->
    gen_server:call(?MODULE, ring).

strokes() ->
    gen_server:call(?MODULE, strokes).

init([]) ->
    {ok, 0}.

handle_call(ring, _From, Strokes) ->
    {reply, sound(), Strokes + 1};
handle_call(strokes, _From, Strokes) ->
    {reply, Strokes, Strokes}.

handle_cast(_, Strokes) ->
    {noreply, Strokes}.
