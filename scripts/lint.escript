#!/usr/bin/env escript
%% -*- erlang -*-
%%! -noinput
%% Reads Erlang that runs elsewhere as its compiler does, with warnings as errors: lint.escript FILE...
%%
%% `*.escript` are compiled. `*.exprs` are expressions; what is bound before they are evaluated stands in their first
%% comment, as `Bound before: Name (what it is), Other (what that is).`

-mode(compile).

main(Files) ->
    case lists:filter(fun(File) -> not is_clean(File, filename:extension(File)) end, Files) of
        [] -> ok;
        _ -> halt(1)
    end.

is_clean(File, ".escript") ->
    {ok, Text} = file:read_file(File),
    [_, Body] = binary:split(Text, <<"\n">>),
    Module = filename:basename(File, ".escript"),
    % In place of the first line, so that messages name the right ones.
    Head = ["-module(", Module, "). -export([main/1]).\n"],
    is_compiled(File, [Head, Body]);
is_clean(File, ".exprs") ->
    {ok, Text} = file:read_file(File),
    Tokens = tokens(File, unicode:characters_to_list(Text)),
    case Tokens =/= error andalso erl_parse:parse_exprs(Tokens) of
        false -> false;
        {ok, Exprs} -> is_told(File, erl_lint:exprs(Exprs, bound(Text)));
        {error, Error} -> is_told(File, {error, [{File, [Error]}], []})
    end.

is_compiled(File, Source) ->
    Directory = string:trim(os:cmd("mktemp -d")),
    Copy = filename:join(Directory, filename:basename(File, ".escript") ++ ".erl"),
    ok = file:write_file(Copy, Source),
    Answer = compile:file(Copy, [binary, return]),
    ok = file:delete(Copy),
    ok = file:del_dir(Directory),
    is_told(File, Answer).

tokens(File, Text) ->
    case erl_scan:string(Text) of
        {ok, Tokens, _} ->
            Tokens;
        {error, Error, _} ->
            is_told(File, {error, [{File, [Error]}], []}),
            error
    end.

bound(Text) ->
    Options = [global, {capture, all_but_first, list}],
    case re:run(Text, "Bound before: ([^.]*)\\.", [{capture, all_but_first, list}]) of
        {match, [List]} ->
            {match, Names} = re:run(List, "(?:^|, )([A-Z][A-Za-z]*)", Options),
            [{list_to_atom(Name), any} || [Name] <- Names];
        nomatch ->
            []
    end.

is_told(File, {error, Errors, Warnings}) -> tell(File, Errors ++ Warnings);
is_told(File, {ok, _, _, Warnings}) -> tell(File, Warnings);
is_told(File, {ok, Warnings}) -> tell(File, Warnings).

tell(File, PerFile) ->
    Found = lists:append([Messages || {_, Messages} <- PerFile]),
    [io:format("~ts:~ts~n", [File, message(Message)]) || Message <- Found],
    Found =:= [].

message({none, Module, Why}) -> [" ", Module:format_error(Why)];
message({{Line, Column}, Module, Why}) -> io_lib:format("~p:~p: ~ts", [Line, Column, Module:format_error(Why)]);
message({Line, Module, Why}) -> io_lib:format("~p: ~ts", [Line, Module:format_error(Why)]).
