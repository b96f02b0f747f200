%% Reads what developers say of an upgrade: Erlang terms and calls of a hints file, appups, and edited relups. Made for an
%% emulator of its own on the build host, beside the two releases; says what it found as one line of JSON.
-module(deliver_word).

-export([main/1]).

-spec main([string()]) -> ok | no_return().
main([File]) ->
    {ok, [Request]} = file:consult(File),
    Answer = maps:map(fun(Key, Value) -> answer(Key, Value, Request) end, maps:with([terms, appups, relup, compared], Request)),
    ok = file:write(standard_io, [deliver_json:encode(Answer), $\n]).

answer(terms, Terms, _) -> [understood(One) || One <- Terms];
answer(appups, Wanted, Request) -> appups(Wanted, Request);
answer(relup, File, Request) -> relup(File, Request);
answer(compared, Files, Request) -> compared(Files, Request).

%% Terms and calls ----------------------------------------------------------------------------------------------------

understood({Kind, Text}) ->
    case erl_scan:string(Text ++ ".") of
        {ok, Tokens, _} -> read(Kind, Tokens);
        {error, {_, Module, Reason}, _} -> #{problem => text(Module:format_error(Reason))}
    end.

read(term, Tokens) ->
    case erl_parse:parse_term(Tokens) of
        {ok, Term} -> #{text => printed(Term)};
        {error, {_, Module, Reason}} -> #{problem => text(Module:format_error(Reason))}
    end;
read(call, Tokens) ->
    case erl_parse:parse_exprs(Tokens) of
        {ok, [{call, _, {remote, _, {atom, _, Module}, {atom, _, Function}}, Arguments}]} ->
            call(Module, Function, Arguments);
        {ok, _} ->
            #{problem => <<"it is no call of a module's function">>};
        {error, {_, Module, Reason}} ->
            #{problem => text(Module:format_error(Reason))}
    end.

call(Module, Function, Arguments) ->
    try [erl_parse:normalise(One) || One <- Arguments] of
        Terms ->
            #{
                text => printed({Module, Function, Terms}),
                module => Module,
                function => text([atom_to_list(Function), $/, integer_to_list(length(Terms))])
            }
    catch
        error:_ -> #{problem => <<"its arguments must be terms">>}
    end.

%% Appups -------------------------------------------------------------------------------------------------------------

%% What each appup says of the way between the two versions of its application, in the order of the request; those that
%% the new release itself has come last.
appups(#{files := Files, applications := Applications}, Request) ->
    Found = Files ++ lists:append([own(One, Request) || One <- Applications]),
    Releases = releases(Found, Request),
    [judged(One, Releases, lists:keyfind(maps:get(app, One), 1, Applications)) || One <- Found].

%% An application's own appups in the release.
own({App, _, Version}, #{root := Root}) ->
    Base = lists:concat([App, "-", Version]),
    Found = [
        {Rank, File}
     || Place <- places(Base, Root),
        {Rank, Below} <- [{2, ["priv", "appups", "*.appup"]}, {4, ["ebin", lists:concat([App, ".appup"])]}],
        File <- lists:sort(filelib:wildcard(filename:join([Place | Below])))
    ],
    [
        #{app => App, file => File, kind => term, origin => origin(Base, File), rank => Rank, own => true}
     || {Rank, File} <- Found
    ].

%% A release without ERTS may leave out what comes with it: then the machine has it.
places(Base, Root) ->
    lists:filter(fun filelib:is_dir/1, [filename:join([Root, "lib", Base]), filename:join(code:lib_dir(), Base)]).

origin(Base, File) ->
    filename:join([Base, filename:basename(filename:dirname(File)), filename:basename(File)]).

judged(#{app := App, origin := Origin, rank := Rank} = One, Releases, {App, Old, New}) ->
    Judged =
        try
            ways(content(One, New), Releases, Old, New)
        catch
            throw:{problem, Text} -> #{problem => text(Text)}
        end,
    maps:merge(Judged, #{app => App, origin => text(Origin), rank => Rank, own => maps:get(own, One, false)}).

ways(_, {problem, _} = Problem, _, _) ->
    throw(Problem);
ways({Version, Up, Down}, _, _, New) when Version =/= New, is_list(Up), is_list(Down) ->
    #{version => text(io_lib:format("~ts", [Version]))};
ways({New, Up, Down}, {OldApps, NewApps}, Old, New) when is_list(Up), is_list(Down) ->
    #{
        version => text(New),
        up => way(up, search(Old, Up), NewApps, OldApps),
        down => way(dn, search(Old, Down), OldApps, NewApps)
    };
ways(_, _, _, _) ->
    problem("it must be one {Version, UpFrom, DownTo}", []).

%% As systools does it: the first one that is the version, or a regular expression that matches all of it.
search(Version, [{Version, Instructions} | _]) when is_list(Instructions) -> Instructions;
search(Version, [{Pattern, Instructions} | Rest]) when is_binary(Pattern), is_list(Instructions) ->
    case re:run(Version, Pattern, [unicode, {capture, first, list}]) of
        {match, [Version]} -> Instructions;
        _ -> search(Version, Rest)
    end;
search(Version, [{_, Instructions} | Rest]) when is_list(Instructions) -> search(Version, Rest);
search(_, []) -> none;
search(_, [Entry | _]) -> problem("~0tp is no {Version, Instructions}", [Entry]).

way(_, none, _, _) ->
    null;
way(Mode, Instructions, Apps, Before) ->
    case systools_rc:translate_scripts(Mode, [Instructions], Apps, Before) of
        {ok, Script} -> maps:put(listed, [printed(One) || One <- Instructions], parts(Script));
        {error, _, Reason} -> problem("systools refuses its instructions: ~ts", [refusal(Reason)])
    end.

refusal(Reason) ->
    try
        string:trim(lists:flatten(systools_rc:format_error(Reason)))
    catch
        error:_ -> io_lib:format("~0tp", [Reason])
    end.

%% A script of low-level instructions, apart at its point of no return.
parts(Script) ->
    {Early, Late} = lists:splitwith(fun(One) -> One =/= point_of_no_return end, Script),
    Rest = [One || One <- Late, One =/= point_of_no_return],
    #{
        early => [printed(One) || One <- Early],
        late => [printed(One) || One <- Rest],
        modules => modules(Rest),
        brutal => lists:usort([Module || {load, {Module, brutal_purge, _}} <- Rest]),
        stops => [App || {apply, {application, stop, [App]}} <- Rest],
        restarts => [] =/= [One || One <- Script, is_restart(One)]
    }.

modules(Script) ->
    lists:usort([Module || {Kind, {Module, _, _}} <- Script, Kind =:= load orelse Kind =:= remove]).

is_restart(One) ->
    lists:member(One, [restart_new_emulator, restart_emulator]).

content(#{kind := template, file := File}, Version) ->
    {ok, Text} = file:read_file(File),
    Filled = lists:foldl(
        fun(Mark, Before) -> string:replace(Before, Mark, Version, all) end, Text, ["{{vsn}}", "%VSN%"]
    ),
    ok = file:write_file(File, unicode:characters_to_binary(Filled)),
    only(file:script(File));
content(#{kind := term, file := File}, _) ->
    case file:consult(File) of
        {ok, [Term]} -> charlists(Term);
        {ok, _} -> problem("it must be one term", []);
        {error, Reason} -> problem("~ts", [file:format_error(Reason)])
    end;
content(#{kind := elixir, file := File} = One, Version) ->
    case file:read_file(File ++ ".failed") of
        {ok, Said} -> problem("Elixir cannot evaluate it: ~ts", [string:trim(Said)]);
        {error, enoent} -> content(One#{kind := term, file := File ++ ".term"}, Version)
    end.

only({ok, Term}) -> charlists(Term);
only({error, Reason}) -> problem("~ts", [file:format_error(Reason)]).

%% Elixir's own version is a binary as often as not; that of an entry would be a regular expression.
charlists({Version, Up, Down}) when is_binary(Version) -> {binary_to_list(Version), Up, Down};
charlists(Term) -> Term.

%% The applications of both releases, as systools knows them; nobody asks without an appup.
releases([], _) ->
    {[], []};
releases(_, #{root := Root, old := Old, new := New}) ->
    try
        {applications(Root, Old), applications(Root, New)}
    catch
        throw:{problem, _} = Problem -> Problem
    end.

applications(Root, Version) ->
    Path = filelib:wildcard(filename:join([Root, "lib", "*", "ebin"])) ++ code:get_path(),
    case systools_make:get_release(filename:rootname(rel(Root, Version)), Path) of
        {ok, _, Named, _} -> [Application || {_, Application} <- Named];
        {error, Module, Reason} -> problem("systools cannot read ~ts: ~ts", [Version, Module:format_error(Reason)])
    end.

rel(Root, Version) ->
    Files = filelib:wildcard(filename:join([Root, "releases", Version, "*.rel"])),
    hd([File || File <- Files, {ok, [{release, {_, Its}, _, _}]} <- [file:consult(File)], Its =:= Version]).

%% systools ------------------------------------------------------------------------------------------------------------

%% What systools makes of the two releases with these appups, in a place of its own beside the new release's libraries.
compared(Files, #{root := Root, old := Old, new := New}) ->
    Own = [alone(One, Root) || One <- Files],
    Path = Own ++ filelib:wildcard(filename:join([Root, "lib", "*", "ebin"])),
    [Top, Base] = [filename:rootname(rel(Root, Version)) || Version <- [New, Old]],
    case systools:make_relup(Top, [Base], [Base], [{path, Path}, noexec, silent]) of
        {ok, {_, [{_, _, Up}], [{_, _, Down}]}, _, _} ->
            #{up => modules(Up), down => modules(Down)};
        {error, Module, Reason} ->
            #{problem => text(string:trim(lists:flatten(Module:format_error(Reason))))}
    end.

alone({App, Version, Text}, Root) ->
    Base = lists:concat([App, "-", Version]),
    Ebin = filename:join(["libraries", Base, "ebin"]),
    Specification = atom_to_list(App) ++ ".app",
    ok = filelib:ensure_dir(filename:join(Ebin, Specification)),
    [Place | _] = places(Base, Root),
    {ok, _} = file:copy(filename:join([Place, "ebin", Specification]), filename:join(Ebin, Specification)),
    Appup = filename:join(Ebin, atom_to_list(App) ++ ".appup"),
    ok = file:write_file(Appup, unicode:characters_to_binary(Text)),
    Ebin.

%% Relups -------------------------------------------------------------------------------------------------------------

relup("", _) ->
    null;
relup(File, #{old := Old, new := New}) ->
    try
        case file:consult(File) of
            {ok, [{New, [{Old, _, Up}], [{Old, _, Down}]}]} -> described(Up, Down);
            {ok, [_]} -> problem("it must be one {~tp, [{~tp, [], Up}], [{~tp, [], Down}]}", [New, Old, Old]);
            {ok, _} -> problem("it must be one term", []);
            {error, Reason} -> problem("~ts", [file:format_error(Reason)])
        end
    catch
        throw:{problem, Text} -> #{problem => text(Text)}
    end.

described(Up, Down) ->
    ok = check_way(up, Up),
    ok = check_way(down, Down),
    Ended = [Place || {apply, {Module, Function, [What]}} <- Up ++ Down, Place <- ended(Module, Function, What)],
    #{modules => lists:usort(modules(Up) ++ modules(Down)), ended => lists:usort(Ended)}.

%% The places in the supervision tree whose processes an instruction ends.
ended(application, stop, App) -> [[App]];
ended(deliver_relup, end_child, [App | Ids]) -> [[App | [printed(Id) || Id <- Ids]]];
ended(_, _, _) -> [].

check_way(Way, Script) when is_list(Script) ->
    [problem("~0tp on the way ~ts is no instruction of a relup", [One, Way]) || One <- Script, not is_instruction(One)],
    case length([One || One <- Script, One =:= point_of_no_return]) of
        1 -> ok;
        Count -> problem("point_of_no_return must stand once on the way ~ts, not ~b times", [Way, Count])
    end;
check_way(Way, _) ->
    problem("the way ~ts must be a list", [Way]).

is_instruction(One) when is_atom(One) ->
    lists:member(One, [point_of_no_return, restart_new_emulator, restart_emulator]);
is_instruction(One) when is_tuple(One), tuple_size(One) >= 2, tuple_size(One) =< 3 ->
    Known = [load_object_code, load, remove, purge, suspend, resume, code_change, stop, start, sync_nodes, apply],
    lists:member(element(1, One), Known);
is_instruction(_) ->
    false.

%% Words --------------------------------------------------------------------------------------------------------------

-spec problem(string(), [term()]) -> no_return().
problem(Format, Values) ->
    throw({problem, io_lib:format(Format, Values)}).

printed(Term) ->
    text(io_lib:format("~0tp", [Term])).

text(Text) ->
    deliver_json:text(lists:flatten(Text)).
