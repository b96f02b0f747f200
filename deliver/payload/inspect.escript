#!/usr/bin/env escript
%% -*- erlang -*-
%%! -noinput
%% What a release directory is, as one line of JSON: inspect.escript ROOT [VERSION]
%%
%% A release is named by its `.rel` file. With several versions in one directory, start_erl.data says which is meant,
%% unless VERSION does.

-mode(compile).

main([Root]) -> describe(Root, permanent(Root));
main([Root, Version]) -> describe(Root, Version);
main(_) -> stop("usage: inspect.escript ROOT [VERSION]").

describe(Root, Wanted) ->
    case lists:filter(fun({_, Rel}) -> is_wanted(Rel, Wanted) end, releases(Root)) of
        [{File, Rel}] -> io:format("~s~n", [json(facts(Root, filename:dirname(File), Rel))]);
        [] -> stop(["there is no release in ", Root, ": no readable releases/<version>/<name>.rel"]);
        Many -> stop(["there are several releases in ", Root, ": ", [[filename:basename(F), " "] || {F, _} <- Many]])
    end.

%% {File, Rel} of each release whose version is the name of its directory. relx leaves a copy of the newest one in
%% releases/, and its boot scripts have `.rel` files of their own.
releases(Root) ->
    Files = filelib:wildcard(filename:join([escape(Root), "releases", "*", "*.rel"])),
    [{File, Rel} || File <- Files, {ok, [Rel]} <- [file:consult(File)], is_release(File, Rel)].

is_release(File, {release, {Name, Version}, {erts, _}, _}) ->
    lists:member(filename:basename(File, ".rel"), [Name, base(Name)]) andalso
        not lists:member(Name, ["start_clean", "no_dot_erlang"]) andalso
        filename:basename(filename:dirname(File)) =:= Version;
is_release(_, _) ->
    false.

base(Name) -> filename:basename(Name).

is_wanted(_, any) -> true;
is_wanted({release, {_, Version}, _, _}, Wanted) -> Version =:= Wanted.

permanent(Root) ->
    case file:read_file(filename:join([Root, "releases", "start_erl.data"])) of
        {ok, Text} -> second(string:lexemes(binary_to_list(Text), " \n"));
        {error, _} -> any
    end.

second([_, Version | _]) -> Version;
second(_) -> any.

facts(Root, Directory, {release, {Name, Version}, {erts, Erts}, Applications}) ->
    HasErts = filelib:is_dir(filename:join([Root, "erts-" ++ Erts, "bin"])),
    Listed = [application(One) || One <- Applications],
    HasErts andalso lists:foreach(fun(One) -> check(Root, One) end, Listed),
    #{
        name => Name,
        version => Version,
        erts => Erts,
        includes_erts => HasErts,
        kind => kind(Root, Directory, Name),
        applications => [
            #{name => atom_to_list(App), version => Vsn, type => atom_to_list(Type)}
         || {App, Vsn, Type} <- Listed
        ]
    }.

application({App, Vsn}) -> {App, Vsn, permanent};
application({App, Vsn, Type}) when is_atom(Type) -> {App, Vsn, Type};
application({App, Vsn, Included}) when is_list(Included) -> {App, Vsn, permanent};
application({App, Vsn, Type, _Included}) -> {App, Vsn, Type}.

%% A release with its own runtime must have all its applications with it.
check(Root, {App, Vsn, _}) ->
    Directory = filename:join([Root, "lib", atom_to_list(App) ++ "-" ++ Vsn, "ebin"]),
    filelib:is_dir(Directory) orelse
        filelib:is_file(filename:dirname(Directory) ++ ".ez") orelse
        stop(["the release lists ", atom_to_list(App), " ", Vsn, ", and has no ", Directory]).

%% Whose start script it has.
kind(Root, Directory, Name) ->
    Has = fun(Parts) -> filelib:is_file(filename:join(Parts)) end,
    IsMix = Has([Directory, "env.sh"]) andalso Has([Directory, "elixir"]),
    IsRelx = Has([Root, "bin", "install_upgrade.escript"]) andalso Has([Root, "bin", Name]),
    IsDistillery = Has([Directory, "libexec"]),
    case {IsMix, IsRelx andalso not IsDistillery} of
        {true, _} -> "mix";
        {false, true} -> "rebar3";
        {false, false} -> "command"
    end.

%% Characters that filelib:wildcard/1 would read as a pattern.
escape(Path) -> lists:flatmap(fun escape_character/1, Path).

escape_character(C) ->
    case lists:member(C, "*?[]{},\\") of
        true -> [$\\, C];
        false -> [C]
    end.

json(true) -> "true";
json(false) -> "false";
json(Map) when is_map(Map) ->
    ["{", lists:join(",", [[json(atom_to_list(Key)), ":", json(Value)] || {Key, Value} <- maps:to_list(Map)]), "}"];
json([Map | _] = Maps) when is_map(Map) ->
    ["[", lists:join(",", [json(One) || One <- Maps]), "]"];
json(Text) when is_list(Text) ->
    [$", [json_character(C) || C <- Text], $"].

json_character($") -> "\\\"";
json_character($\\) -> "\\\\";
json_character(C) when C >= 32, C < 127 -> C;
json_character(C) when C < 16#10000 -> io_lib:format("\\u~4.16.0b", [C]);
json_character(C) ->
    Above = C - 16#10000,
    io_lib:format("\\u~4.16.0b\\u~4.16.0b", [16#D800 + (Above bsr 10), 16#DC00 + (Above band 16#3FF)]).

stop(Message) ->
    io:format(standard_error, "deliver: ~ts~n", [Message]),
    halt(1).
