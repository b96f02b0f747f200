%% JSON of Erlang terms: OTP has it from 27 on only. It needs nothing but kernel and stdlib.
-module(deliver_json).

-export([encode/1, text/1]).

%% What stands for anything that is not Unicode.
-define(REPLACEMENT, 16#FFFD).

%% The JSON of a term: maps are objects, lists are arrays, and binaries and atoms are strings. `true`, `false` and
%% `null` are themselves. A string as a list of characters is for text/1 to make a binary of.
-spec encode(term()) -> iodata().
encode(true) -> <<"true">>;
encode(false) -> <<"false">>;
encode(null) -> <<"null">>;
encode(Term) when is_map(Term) -> object(lists:sort(maps:to_list(Term)));
encode(Term) when is_list(Term) -> [$[, lists:join($,, [encode(One) || One <- Term]), $]];
encode(Term) when is_binary(Term) -> string(Term);
encode(Term) when is_atom(Term) -> string(atom_to_binary(Term, utf8));
encode(Term) when is_integer(Term) -> integer_to_binary(Term);
encode(Term) when is_float(Term) -> io_lib:format("~w", [Term]).

%% A UTF-8 binary of a text, whatever is in it: what is not Unicode is replaced.
-spec text(term()) -> binary().
text(Text) ->
    try unicode:characters_to_binary(Text) of
        Binary when is_binary(Binary) -> Binary;
        _ -> iolist_to_binary(repair(Text))
    catch
        error:_ -> iolist_to_binary(repair(Text))
    end.

object(Pairs) ->
    [${, lists:join($,, [[key(Key), $:, encode(Value)] || {Key, Value} <- Pairs]), $}].

key(Key) when is_atom(Key) -> string(atom_to_binary(Key, utf8));
key(Key) -> string(Key).

string(Text) ->
    [$", escaped(text(Text)), $"].

%% Most texts need no escape.
escaped(Text) ->
    case is_plain(Text) of
        true -> Text;
        false -> [escape(Char) || <<Char/utf8>> <= Text]
    end.

is_plain(<<Byte, Rest/binary>>) when Byte >= $\s, Byte =< $~, Byte =/= $", Byte =/= $\\ -> is_plain(Rest);
is_plain(Rest) -> Rest =:= <<>>.

%% All of it is ASCII: it passes through whatever encoding the output has.
escape($") -> <<"\\\"">>;
escape($\\) -> <<"\\\\">>;
escape($\n) -> <<"\\n">>;
escape(Char) when Char >= $\s, Char =< $~ -> <<Char>>;
escape(Char) -> [unit(Unit) || <<Unit:16>> <= <<Char/utf16>>].

unit(Unit) ->
    io_lib:format("\\u~4.16.0b", [Unit]).

repair([]) -> [];
repair([Head | Tail]) -> [repair(Head) | repair(Tail)];
repair(<<Char/utf8, Rest/binary>>) -> [<<Char/utf8>> | repair(Rest)];
repair(<<_, Rest/binary>>) -> [<<?REPLACEMENT/utf8>> | repair(Rest)];
repair(Char) when is_integer(Char), Char >= 0, Char < 16#D800 -> [<<Char/utf8>>];
repair(Char) when is_integer(Char), Char > 16#DFFF, Char =< 16#10FFFF -> [<<Char/utf8>>];
repair(<<>>) -> [];
repair(_) -> [<<?REPLACEMENT/utf8>>].
