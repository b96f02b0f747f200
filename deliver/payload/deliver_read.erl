%% Reads a release tree, and prints what planning an upgrade needs to know of it, as one line of JSON:
%% `deliver/otp/upgrade/facts.py` says what each field means. Made for an emulator of its own that ends with it.
-module(deliver_read).

-export([main/1]).

%% Milliseconds within which a module must tell the keys of its struct, or its callback mode: nearly always constants.
-define(PATIENCE, 5000).

%% Modules that one process reads: their code is in memory at once, and there may be thousands.
-define(SHARE, 25).

%% The instruction of a module that says that it has an `on_load` function.
-define(ON_LOAD, 149).
-define(LABEL, 1).

-spec main([string()]) -> ok | no_return().
main([Root, Version]) ->
    try deliver_json:encode(release(Root, Version)) of
        Json -> ok = file:write(standard_io, [Json, $\n])
    catch
        throw:{unreadable, File, Why} -> fail("~ts cannot be read: ~ts", [File, Why]);
        _:Reason:Stack -> fail("the release cannot be read: ~tw in ~tw", [kind_of(Reason), called(hd(Stack))])
    end.

%% What an error is of, and where: without values, which may be long, and secrets.
kind_of(Reason) when is_tuple(Reason), tuple_size(Reason) > 0 -> kind_of(element(1, Reason));
kind_of(Reason) when is_atom(Reason) -> Reason;
kind_of(_) -> error.

called({Module, Function, _, _}) -> {Module, Function}.

-spec fail(string(), [term()]) -> no_return().
fail(Format, Values) ->
    Text = deliver_json:text(io_lib:format(Format, Values)),
    Lines = [string:trim(Line) || Line <- string:split(Text, "\n", all)],
    file:write(standard_error, ["deliver: ", lists:join($\s, Lines), $\n]),
    halt(1).

-spec unreadable(file:name_all(), unicode:chardata()) -> no_return().
unreadable(File, Why) ->
    throw({unreadable, File, Why}).

release(Root, Version) ->
    Directory = filename:join([Root, "releases", Version]),
    {Name, Erts, Listed} = rel(Directory, Version),
    Consolidated = consolidated(Root, Directory, Name, Version),
    #{
        name => deliver_json:text(Name),
        version => deliver_json:text(Version),
        erts => deliver_json:text(Erts),
        kind => kind(Directory),
        includes_erts => filelib:is_dir(filename:join(Root, "erts-" ++ Erts)),
        apps => with_mentions(in_parallel(fun(One) -> app(Root, One) end, Listed, 1)),
        consolidated => md5s(filename:join(Root, Consolidated), Consolidated),
        consolidated_path => deliver_json:text(Consolidated),
        config => config(Directory, Version),
        providers => is_computed(Directory),
        vm_args => lines(template(Directory, "vm.args")),
        env_sh => lines(filename:join(Directory, "env.sh")),
        boot => boot(Directory, Name)
    }.

%% Of all that modules name, structs are what counts.
with_mentions(Apps) ->
    Structs = sets:from_list([Name || #{modules := Modules} <- Apps, #{struct := [_ | _], name := Name} <- Modules]),
    [App#{modules := [mentions(Module, Structs) || Module <- Modules]} || #{modules := Modules} = App <- Apps].

mentions(#{name := Name, mentions := Atoms} = Module, Structs) ->
    Module#{mentions := lists:usort([Atom || Atom <- Atoms, Atom =/= Name, sets:is_element(Atom, Structs)])}.

rel(Directory, Version) ->
    Found = [
        {Name, Erts, Apps}
     || File <- filelib:wildcard(filename:join(Directory, "*.rel")),
        {release, {Name, Its}, {erts, Erts}, Apps} <- consult(File),
        Its =:= Version
    ],
    case Found of
        [First | _] -> First;
        [] -> unreadable(Directory, "no .rel file in it is of this version")
    end.

%% Both leave files in a release that no other tool has a use for.
kind(Directory) ->
    Has = fun(File) -> filelib:is_regular(filename:join(Directory, File)) end,
    case {Has("elixir"), Has("no_dot_erlang.boot") orelse Has("../../bin/no_dot_erlang.boot")} of
        {true, _} -> mix;
        {false, true} -> rebar3;
        {false, false} -> command
    end.

%% Applications ----------------------------------------------------------------------------------------------------

app(Root, Listed) ->
    Name = element(1, Listed),
    Directory = directory(Root, Name, element(2, Listed)),
    Ebin = filename:join(Directory, "ebin"),
    Keys = keys(filename:join(Ebin, atom_to_list(Name) ++ ".app")),
    maps:merge(specification(Keys), #{
        name => Name,
        type => start(tuple_to_list(Listed)),
        priv => tree(filename:join(Directory, "priv")),
        native => native(filename:join(Directory, "priv")),
        modules => in_parallel(fun module/1, beams(Ebin), ?SHARE),
        appup => appup(filename:join(Ebin, atom_to_list(Name) ++ ".appup"))
    }).

%% A release without ERTS may leave out what comes with it: then the machine has it.
directory(Root, Name, Version) ->
    Base = lists:concat([Name, "-", Version]),
    Places = [filename:join([Root, "lib", Base]), filename:join(code:lib_dir(), Base)],
    case lists:filter(fun filelib:is_dir/1, Places) of
        [Directory | _] -> Directory;
        [] -> unreadable(hd(Places), "there is no such directory")
    end.

keys(File) ->
    case consult(File) of
        [{application, _, Keys}] when is_list(Keys) -> maps:from_list(Keys);
        _ -> unreadable(File, "it is no application's")
    end.

specification(Keys) ->
    {Callback, Arguments} = callback(maps:get(mod, Keys, [])),
    Applications = maps:get(applications, Keys, []),
    Optional = maps:get(optional_applications, Keys, []),
    #{
        version => deliver_json:text(maps:get(vsn, Keys, "")),
        callback => Callback,
        arguments => Arguments,
        phases => phases(maps:get(start_phases, Keys, undefined)),
        registered => maps:get(registered, Keys, []),
        dependencies => Applications ++ (Optional -- Applications),
        included => maps:get(included_applications, Keys, []),
        env => hashes(maps:get(env, Keys, []))
    }.

callback({Module, Arguments}) -> {Module, hash(Arguments)};
callback(_) -> {<<>>, <<>>}.

phases(Phases) when Phases =:= undefined; Phases =:= [] -> <<>>;
phases(Phases) -> hash(Phases).

start([_, _, Type | _]) when is_atom(Type) -> Type;
start(_) -> permanent.

%% The hash of a directory and all below it; empty when there is none.
tree(Directory) ->
    case below(Directory) of
        [] -> <<>>;
        Entries -> hash(Entries)
    end.

native(Directory) ->
    Library = "\\.(so|dylib)(\\.[0-9]+)*$",
    maps:from_list([
        {deliver_json:text(Path), Md5}
     || {Path, _, Md5} <- below(Directory), re:run(Path, Library, [{capture, none}]) =:= match
    ]).

%% All that is below a directory, sorted: the path, who may run or enter it, and its content.
below(Directory) ->
    case filelib:is_dir(Directory) of
        true -> lists:append([entry(Directory, Name) || Name <- names(Directory)]);
        false -> []
    end.

names(Directory) ->
    case file:list_dir_all(Directory) of
        {ok, Names} -> lists:sort(Names);
        {error, Reason} -> unreadable(Directory, file:format_error(Reason))
    end.

entry(Directory, Path) ->
    File = filename:join(Directory, Path),
    case file:read_link_all(File) of
        {ok, Target} -> [{deliver_json:text(Path), link, hash(Target)}];
        {error, _} -> entry(Directory, Path, type(File))
    end.

entry(Directory, Path, {directory, _}) ->
    Inside = [entry(Directory, filename:join(Path, Name)) || Name <- names(filename:join(Directory, Path))],
    [{deliver_json:text(Path), directory, <<>>} | lists:append(Inside)];
entry(Directory, Path, {regular, Mode}) ->
    [{deliver_json:text(Path), Mode band 8#111, file_md5(filename:join(Directory, Path))}];
entry(_, Path, {Type, _}) ->
    [{deliver_json:text(Path), Type, <<>>}].

%% A file's type and mode, from the record `file_info`: its header is not on every machine that has Erlang.
type(File) ->
    case file:read_file_info(File, [raw]) of
        {ok, Info} -> {element(3, Info), element(8, Info)};
        {error, Reason} -> unreadable(File, file:format_error(Reason))
    end.

%% An appup that cannot be read is as good as none, as it is to systools when it is named in no upgrade.
appup(File) ->
    case file:consult(File) of
        {ok, [{Version, Up, Down}]} when is_list(Up), is_list(Down) ->
            #{version => deliver_json:text(Version), up => entries(Up), down => entries(Down)};
        _ ->
            null
    end.

entries(Ways) ->
    [
        #{
            version => deliver_json:text(Version),
            regex => is_binary(Version),
            instructions => printed("~0p", Instructions),
            modules => lists:usort(lists:append([changed(One) || One <- Instructions]))
        }
     || {Version, Instructions} <- Ways, is_list(Instructions)
    ].

changed(Instruction) when tuple_size(Instruction) > 1, is_atom(element(2, Instruction)) ->
    Kinds = [load_module, update, add_module, delete_module],
    [element(2, Instruction) || lists:member(element(1, Instruction), Kinds)];
changed(_) ->
    [].

%% Modules ---------------------------------------------------------------------------------------------------------

beams(Directory) ->
    lists:sort(filelib:wildcard(filename:join(Directory, "*.beam"))).

module(File) ->
    Beam = beam(File),
    {Name, Chunks} = chunks(File, Beam),
    #{attributes := Attributes, imports := Imports, exports := Exports, atoms := Atoms} = Chunks,
    %% However it is called.
    Native = lists:keymember(load_nif, 2, Atoms),
    Runs = Native orelse has_on_load(File, Name, Beam),
    #{
        name => Name,
        md5 => md5(File, Beam),
        attributes => hash(lists:sort([One || {Key, _} = One <- Attributes, Key =/= vsn])),
        vsn => vsn(proplists:get_value(vsn, Attributes)),
        behaviours => lists:usort(behaviours(Attributes)),
        exports => [signature(One) || {Function, _} = One <- lists:sort(Exports), Function =/= module_info],
        calls => lists:usort([Called || {Called, _, _} <- Imports, Called =/= Name]),
        loads_native => Native,
        struct => struct(File, Name, Beam, not Runs andalso lists:member({'__struct__', 0}, Exports)),
        mode => mode(File, Name, Beam, not Runs andalso lists:member({callback_mode, 0}, Exports)),
        records => records(maps:get(debug_info, Chunks, none)),
        protocol => lists:member({'__protocol__', 1}, Exports),
        implements => implements(Attributes),
        mentions => [Atom || {_, Atom} <- Atoms] ++ literal_structs(Beam)
    }.

chunks(File, Beam) ->
    Wanted = [attributes, imports, exports, atoms],
    % Debug information may be absent, or encrypted.
    case beam_lib:chunks(Beam, [debug_info | Wanted], [allow_missing_chunks]) of
        {ok, {Name, Chunks}} ->
            {Name, maps:from_list(Chunks)};
        {error, beam_lib, _} ->
            {Name, Chunks} = told(File, beam_lib:chunks(Beam, Wanted)),
            {Name, maps:from_list(Chunks)}
    end.

md5(File, Beam) ->
    {_, Md5} = told(File, beam_lib:md5(Beam)),
    hex(Md5).

told(_, {ok, Answer}) ->
    Answer;
told(File, {error, beam_lib, Reason}) ->
    % Such as `{not_a_beam_file, Beam}`: the rest of it is the code itself, or what it has in it.
    Words = string:replace(atom_to_list(element(1, Reason)), "_", " ", all),
    unreadable(File, Words).

behaviours(Attributes) ->
    lists:append([Ones || {Key, Ones} <- Attributes, Key =:= behaviour orelse Key =:= behavior]).

vsn([First | _]) -> printed("~w", First);
vsn(_) -> <<>>.

signature({Function, Arity}) ->
    Name = atom_to_binary(Function, utf8),
    <<Name/binary, $/, (integer_to_binary(Arity))/binary>>.

%% Which function that is stands in the code only, so the loader is asked; it takes time, and few modules need it.
has_on_load(File, Name, Beam) ->
    {_, [{_, Code}]} = told(File, beam_lib:chunks(Beam, ["Code"])),
    Places = [At || {At, 1} <- binary:matches(Code, <<?ON_LOAD>>)],
    lists:any(fun(At) -> ends_with_label(before(At, Code)) end, Places) andalso loader_finds(File, Name, Beam).

%% The bytes before a place that may be a label with its number, backwards.
before(At, Code) ->
    lists:reverse(binary_to_list(binary:part(Code, At, -min(At, 5)))).

%% Which the instruction always follows; the number takes one byte, two, or three and four with their count.
ends_with_label([Number, ?LABEL | _]) when Number band 16#0F =:= 0 -> true;
ends_with_label([_, Number, ?LABEL | _]) when Number band 16#1F =:= 16#08 -> true;
ends_with_label([_, _, 16#18, ?LABEL | _]) -> true;
ends_with_label([_, _, _, 16#38, ?LABEL | _]) -> true;
ends_with_label(_) -> false.

loader_finds(File, Name, Beam) ->
    case erlang:prepare_loading(Name, Beam) of
        {error, Reason} -> unreadable(File, io_lib:format("this runtime system cannot load it: ~w", [Reason]));
        Prepared -> erlang:has_prepared_code_on_load(Prepared)
    end.

%% The keys of a struct, and the callback mode of a gen_statem, are in the code only: the module is loaded, and asked.
struct(_, _, _, false) ->
    null;
struct(File, Name, Beam, true) ->
    asked(File, Name, Beam, fun() -> lists:sort(maps:keys(Name:'__struct__'()) -- ['__struct__']) end, null).

mode(_, _, _, false) ->
    <<>>;
mode(File, Name, Beam, true) ->
    asked(File, Name, Beam, fun() -> printed("~0p", lists:usort(lists:flatten([Name:callback_mode()]))) end, <<>>).

%% What a module answers; Otherwise when it does not, or not in time.
asked(File, Name, Beam, Question, Otherwise) ->
    {Worker, Monitor} = spawn_monitor(fun() -> exit(answer(File, Name, Beam, Question)) end),
    receive
        {'DOWN', Monitor, process, Worker, {answer, Answer}} -> Answer;
        {'DOWN', Monitor, process, Worker, _} -> Otherwise
    after ?PATIENCE ->
        exit(Worker, kill),
        Otherwise
    end.

answer(File, Name, Beam, Question) ->
    try
        {module, Name} = code:load_binary(Name, File, Beam),
        {answer, Question()}
    catch
        _:_ -> none
    end.

%% Structs of which constants in the code are made.
literal_structs(Beam) ->
    case beam_lib:chunks(Beam, ["LitT"], [allow_missing_chunks]) of
        {ok, {_, [{_, Chunk}]}} when is_binary(Chunk) -> structs_in(literals(Chunk));
        _ -> []
    end.

%% Since OTP 28 they are not compressed.
literals(<<0:32, Literals/binary>>) -> Literals;
literals(<<_:32, Compressed/binary>>) -> zlib:uncompress(Compressed).

structs_in(<<_Count:32, Literals/binary>> = All) ->
    case binary:match(All, <<"__struct__">>) of
        nomatch -> [];
        _ -> [Name || <<Size:32, Term:Size/binary>> <= Literals, Name <- names_of_structs(binary_to_term(Term))]
    end.

names_of_structs(#{'__struct__' := Name} = Map) when is_atom(Name) ->
    [Name | names_of_structs(maps:values(Map))];
names_of_structs(Map) when is_map(Map) -> names_of_structs(maps:to_list(Map));
names_of_structs([Head | Tail]) -> names_of_structs(Head) ++ names_of_structs(Tail);
names_of_structs(Tuple) when is_tuple(Tuple) -> names_of_structs(tuple_to_list(Tuple));
names_of_structs(_) -> [].

records({debug_info_v1, erl_abstract_code, {Forms, _}}) when is_list(Forms) ->
    maps:from_list([{Name, [field(One) || One <- Fields]} || {attribute, _, record, {Name, Fields}} <- Forms]);
records(_) ->
    #{}.

field({typed_record_field, Field, _}) -> field(Field);
field(Field) -> element(3, element(3, Field)).

%% Elixir says it in the attribute `__impl__`, old versions of it in `impl`.
implements(Attributes) ->
    Said = [Ones || {Key, Ones} <- Attributes, Key =:= '__impl__' orelse Key =:= impl],
    case [Protocol || {protocol, Protocol} <- lists:flatten(Said)] of
        [Protocol | _] -> Protocol;
        [] -> <<>>
    end.

%% What belongs to the release as a whole --------------------------------------------------------------------------

%% Where the consolidated protocols are, from the root: mix has one place for them, Distillery another.
consolidated(Root, Directory, Name, Version) ->
    Places = [
        filename:join(["releases", filename:basename(Directory), "consolidated"]),
        filename:join(["lib", Name ++ "-" ++ Version, "consolidated"])
    ],
    case [Place || Place <- Places, filelib:is_dir(filename:join(Root, Place))] of
        [Place | _] -> Place;
        [] -> ""
    end.

md5s(_, "") -> #{};
md5s(Directory, _) -> maps:from_list([named_md5(File) || File <- beams(Directory)]).

named_md5(File) ->
    {Name, Md5} = told(File, beam_lib:md5(beam(File))),
    {Name, hex(Md5)}.

config(Directory, Version) ->
    Config = configured(template(Directory, "sys.config")),
    maps:map(fun(App, Env) -> hashes(own_place(App, Env, Version)) end, Config).

%% What `sys.config` sets, by application; it may name other files, and what comes later counts.
configured(File) ->
    case filelib:is_regular(File) andalso config_terms(File) of
        false -> #{};
        [Terms] when is_list(Terms) -> lists:foldl(fun(One, All) -> add_config(File, One, All) end, #{}, Terms);
        _ -> unreadable(File, "it must be one list")
    end.

add_config(File, [Char | _] = Name, All) when is_integer(Char) ->
    Included = filename:join(filename:dirname(File), filename:rootname(Name, ".config") ++ ".config"),
    maps:fold(fun with_env/3, All, configured(Included));
add_config(File, One, All) ->
    try
        {App, Env} = One,
        with_env(App, maps:from_list(Env), All)
    catch
        error:_ -> unreadable(File, [entry_of(One), " is not an application and its values"])
    end.

%% Without values: they may be secret.
entry_of(One) when is_atom(One) -> atom_to_list(One);
entry_of(One) when is_tuple(One), tuple_size(One) > 0, is_atom(element(1, One)) -> entry_of(element(1, One));
entry_of(_) -> "something in it".

with_env(App, Env, All) when is_atom(App) ->
    All#{App => maps:merge(maps:get(App, All, #{}), Env)}.

%% Where mix finds the files of config providers has the release's version in it: that alone is no change.
own_place(elixir, #{config_provider_init := Init} = Env, Version) ->
    Text = printed("~0tp", canonical(Init)),
    Env#{config_provider_init := binary:replace(Text, list_to_binary("/releases/" ++ Version), <<>>, [global])};
own_place(_, Env, _) ->
    Env.

is_computed(Directory) ->
    File = filename:join(Directory, "sys.config"),
    Elixir = maps:get(elixir, configured(template(Directory, "sys.config")), #{}),
    filelib:is_regular(File ++ ".src") orelse has_variables(File) orelse
        maps:is_key(config_provider_init, Elixir) orelse maps:is_key(config_providers, Elixir).

has_variables(File) ->
    {Answer, Text} = file:read_file(File),
    Answer =:= ok andalso binary:match(Text, <<"${">>) =/= nomatch.

%% A file, or what relx makes it of when the node boots.
template(Directory, Name) ->
    File = filename:join(Directory, Name),
    case filelib:is_regular(File ++ ".src") of
        true -> File ++ ".src";
        false -> File
    end.

config_terms(File) ->
    case has_variables(File) of
        true -> filled(File);
        false -> consult(File)
    end.

%% The terms of a file in which `${NAME}` may stand anywhere, in a text as well as for a term.
filled(File) ->
    {ok, Text} = file:read_file(File),
    case erl_scan:string(unicode:characters_to_list(fill(Text))) of
        {ok, Tokens, _} -> parsed(File, erl_parse:parse_term(Tokens));
        {error, Reason, _} -> parsed(File, {error, Reason})
    end.

parsed(_, {ok, Term}) -> [Term];
parsed(File, {error, Reason}) -> unreadable(File, file:format_error(Reason)).

fill(Text) ->
    case re:run(Text, "\\$\\{([^}]*)\\}", [{capture, all, index}]) of
        {match, [{Start, Length}, {Name, Size}]} ->
            <<Before:Start/binary, _:Length/binary, After/binary>> = Text,
            [Before, "os_env_", hash(binary:part(Text, Name, Size)) | fill(After)];
        nomatch ->
            [Text]
    end.

%% What the boot script does besides what each of the applications needs.
boot(Directory, Name) ->
    Places = [filename:join(Directory, Base ++ ".boot") || Base <- ["start", Name]],
    case lists:filter(fun filelib:is_regular/1, Places) of
        [File | _] ->
            {script, _, Instructions} = script(File),
            hash([One || Instruction <- Instructions, One <- kept(Instruction)]);
        [] ->
            <<>>
    end.

script(File) ->
    {ok, Boot} = file:read_file(File),
    try
        {script, _, _} = binary_to_term(Boot)
    catch
        error:_ -> unreadable(File, "it is no boot script")
    end.

kept({path, _}) -> [];
kept({primLoad, _}) -> [];
kept({progress, _}) -> [];
kept({apply, {application, _, _}}) -> [];
kept({kernelProcess, Name, {Module, Function, [{application, _, _}]}}) -> [{kernelProcess, Name, {Module, Function}}];
kept(Instruction) -> [Instruction].

%% Files -----------------------------------------------------------------------------------------------------------

consult(File) ->
    case file:consult(File) of
        {ok, Terms} -> Terms;
        {error, Reason} -> unreadable(File, file:format_error(Reason))
    end.

%% Past the file server, which does one thing at a time.
beam(File) ->
    case file:open(File, [raw, read, binary]) of
        {ok, Open} ->
            Parts = parts(Open, []),
            ok = file:close(Open),
            whole(File, uncompressed(iolist_to_binary(Parts)));
        {error, Reason} ->
            unreadable(File, file:format_error(Reason))
    end.

%% beam_lib finds nothing wrong with a file that ends too early.
whole(File, <<"FOR1", Size:32, Rest/binary>>) when byte_size(Rest) < Size -> unreadable(File, "it ends too early");
whole(_, Beam) -> Beam.

uncompressed(<<31, 139, _/binary>> = Beam) -> zlib:gunzip(Beam);
uncompressed(Beam) -> Beam.

parts(Open, Read) ->
    case file:read(Open, 1 bsl 20) of
        {ok, Part} -> parts(Open, [Part | Read]);
        eof -> lists:reverse(Read)
    end.

file_md5(File) ->
    case file:open(File, [raw, read, binary]) of
        {ok, Open} ->
            Md5 = open_md5(Open, erlang:md5_init()),
            ok = file:close(Open),
            hex(Md5);
        {error, Reason} ->
            unreadable(File, file:format_error(Reason))
    end.

open_md5(Open, Context) ->
    case file:read(Open, 1 bsl 20) of
        {ok, Part} -> open_md5(Open, erlang:md5_update(Context, Part));
        eof -> erlang:md5_final(Context)
    end.

%% The hash of a file's lines without comments and empty ones; empty when that leaves nothing.
lines(File) ->
    {Answer, Text} = file:read_file(File),
    Trimmed = [string:trim(Line) || Answer =:= ok, Line <- string:split(Text, "\n", all)],
    case lists:filter(fun counts/1, Trimmed) of
        [] -> <<>>;
        Lines -> hash(Lines)
    end.

counts(<<>>) -> false;
counts(<<"#", _/binary>>) -> false;
counts(_) -> true.

%% Terms -----------------------------------------------------------------------------------------------------------

hashes(Pairs) when is_list(Pairs) -> hashes(maps:from_list(Pairs));
hashes(Map) -> maps:from_list([{key(Key), hash(Value)} || {Key, Value} <- maps:to_list(Map)]).

key(Key) when is_atom(Key) -> Key;
key(Key) -> printed("~0tp", Key).

printed(Format, Term) ->
    deliver_json:text(io_lib:format(Format, [Term])).

hash(Term) ->
    hex(erlang:md5(term_to_binary(canonical(Term)))).

%% In maps, keys stand in an order that differs from emulator to emulator.
canonical(Map) when is_map(Map) ->
    {map, [{canonical(Key), canonical(Value)} || {Key, Value} <- lists:sort(maps:to_list(Map))]};
canonical([Head | Tail]) ->
    [canonical(Head) | canonical(Tail)];
canonical(Tuple) when is_tuple(Tuple) ->
    list_to_tuple([canonical(One) || One <- tuple_to_list(Tuple)]);
canonical(Term) ->
    Term.

hex(Binary) ->
    <<<<(digit(Nibble))>> || <<Nibble:4>> <= Binary>>.

digit(Nibble) when Nibble < 10 -> $0 + Nibble;
digit(Nibble) -> $a + Nibble - 10.

%% Processes -------------------------------------------------------------------------------------------------------

%% What a function returns for each item, in their order; each process takes so many of them.
in_parallel(Function, Items, Share) ->
    Workers = [
        spawn_monitor(fun() -> exit(outcome(fun() -> [Function(Item) || Item <- Part] end)) end)
     || Part <- shares(Items, Share)
    ],
    lists:append([outcome_of(Worker, Monitor) || {Worker, Monitor} <- Workers]).

outcome(Work) ->
    try
        {answer, Work()}
    catch
        throw:Thrown -> {thrown, Thrown};
        _:Reason:Stack -> {raised, Reason, Stack}
    end.

outcome_of(Worker, Monitor) ->
    receive
        {'DOWN', Monitor, process, Worker, {answer, Answer}} -> Answer;
        {'DOWN', Monitor, process, Worker, {thrown, Thrown}} -> throw(Thrown);
        {'DOWN', Monitor, process, Worker, {raised, Reason, Stack}} -> erlang:raise(error, Reason, Stack)
    end.

shares(Items, Share) when length(Items) > Share ->
    {Part, Rest} = lists:split(Share, Items),
    [Part | shares(Rest, Share)];
shares(Items, _) ->
    [Items].
