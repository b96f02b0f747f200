%% What is asked of a running node, and done to it, in a hot upgrade. Loaded for that time only.
%%
%% It lives in production: nothing here waits without end, and no process gets a message that it might not understand.
%% See `deliver/otp/upgrade/snapshot.py` for what the fields of a snapshot mean.
-module(deliver_node).

-export([call/2]).
-export([watch/1, unwatch/0, snapshot/1, preflight/4, adopt/1, introduce/3, install/2, commit/1, leave/0]).
-export([change/5, finish/1, standing/0]).
-export([log/2]).

%% Milliseconds: for a process to say something, for a supervisor or OTP's own servers to, for a whole question.
-define(ANSWER, 1000).
-define(PATIENCE, 5000).
-define(QUESTION, 50000).
-define(WATCH, deliver_node_watch).
-define(OURS, [deliver_node, deliver_json, deliver_relup]).
-define(MOST_ERRORS, 200).
-define(MOST_LINE, 500).
-define(MOST_CHILDREN, 200).
-define(MOST_STATES, 20).
-define(MOST_OTHERS, 200).
-define(AT_ONCE, 32).
%% A process with more bytes than this is not asked for its state: it would be copied.
-define(MOST_MEMORY, 50000000).
-define(DEPTH, 4).
%% Nobody who is busy for longer is waited for before an upgrade.
-define(LONGEST, 20000).
-define(MOST_KEYS, 64).
%% Terms of a state that are looked through for functions and structs.
-define(MOST_TERMS, 50000).
%% What cannot change while a node runs need not be compared.
-define(FOUNDATION, ["kernel", "stdlib", "sasl", "elixir", "compiler", "iex", "logger"]).
%% Applications whose processes nobody wonders about.
-define(OTP, [
    "erts", "asn1", "crypto", "debugger", "diameter", "eldap", "et", "eunit", "ftp", "inets", "megaco", "mnesia",
    "observer", "os_mon", "parsetools", "public_key", "reltool", "runtime_tools", "snmp", "ssh", "ssl",
    "syntax_tools", "tftp", "tools", "wx", "xmerl", "eex", "mix", "ex_unit" | ?FOUNDATION
]).

%% Run a function of ours, and answer in JSON, as base64 in pieces that erl_call can carry. A process of its own does
%% it, which takes along what comes too late.
-spec call(atom(), [term()]) -> [string()].
call(Function, Arguments) ->
    Answer =
        case within(fun() -> encoded(#{ok => apply(?MODULE, Function, Arguments)}) end, limit(Function, Arguments)) of
            {answer, Encoded} -> Encoded;
            {failed, throw, {told, Text}} -> encoded(#{error => deliver_json:text(Text)});
            {failed, Class, Reason} -> encoded(#{error => shown({Class, Reason})});
            late -> encoded(#{error => <<"it was not done in time">>})
        end,
    split(base64:encode_to_string(Answer)).

limit(install, [_, Timeout]) -> Timeout + ?QUESTION;
limit(change, [_, _, _, _, Timeout]) -> Timeout + 3 * ?QUESTION;
limit(_, _) -> ?QUESTION.

encoded(Term) ->
    iolist_to_binary(deliver_json:encode(Term)).

split(Text) when length(Text) > 60000 ->
    {Head, Tail} = lists:split(60000, Text),
    [Head | split(Tail)];
split(Text) ->
    [Text].

-spec told(io:format(), [term()]) -> no_return().
told(Format, Arguments) ->
    throw({told, io_lib:format(Format, Arguments)}).

%% Errors that are logged ------------------------------------------------------------------------------------------

%% Keep what is logged as an error from now on, until unwatch/0. The handler is our own: applications remove the others.
-spec watch(string()) -> ok.
watch(_Salt) ->
    keeper() ! forget,
    _ = logger:remove_handler(?WATCH),
    ok = logger:add_handler(?WATCH, ?MODULE, #{level => error}),
    ok.

-spec unwatch() -> ok.
unwatch() ->
    _ = logger:remove_handler(?WATCH),
    case whereis(?WATCH) of
        undefined -> ok;
        Keeper -> ended(Keeper, monitor(process, Keeper))
    end.

ended(Keeper, Monitor) ->
    Keeper ! stop,
    receive
        {'DOWN', Monitor, process, Keeper, _} -> ok
    after ?ANSWER ->
        exit(Keeper, kill),
        ok
    end.

%% The process that keeps errors, and what relups ask for; it is linked to nobody.
keeper() ->
    case whereis(?WATCH) of
        undefined ->
            Keeper = spawn(fun() -> keep([], 0, [], []) end),
            true = register(?WATCH, Keeper),
            Keeper;
        Keeper ->
            Keeper
    end.

%% Called by whoever logs: a failure would make logger complain, and remove the handler.
-spec log(logger:log_event(), map()) -> ok.
log(#{level := Level} = Event, _Config) ->
    _ = (catch ?WATCH ! {logged, line(Level, Event)}),
    ok.

line(Level, Event) ->
    Format = #{single_line => true, template => [msg], chars_limit => ?MOST_LINE, depth => 20},
    Text = deliver_json:text(io_lib:format("~ts: ~ts", [Level, logger_formatter:format(Event, Format)])),
    deliver_json:text(string:slice(Text, 0, ?MOST_LINE)).

keep(Lines, Count, Held, Marks) ->
    receive
        {logged, Line} when Count < ?MOST_ERRORS - 1 -> keep([Line | Lines], Count + 1, Held, Marks);
        {logged, Line} when Count < ?MOST_ERRORS ->
            %% Whoever logs need not write lines that nobody keeps.
            _ = spawn(fun() -> logger:remove_handler(?WATCH) end),
            keep([Line | Lines], Count + 1, Held, Marks);
        {logged, _} -> keep(Lines, Count, Held, Marks);
        {hold, What} -> keep(Lines, Count, What, Marks);
        {mark, _, _, _} = Mark -> keep(Lines, Count, Held, [Mark | Marks]);
        forget -> keep([], 0, [], []);
        {told, Asker, Ref} ->
            Asker ! {Ref, lists:reverse(Lines)},
            keep(Lines, Count, Held, Marks);
        {held, Asker, Ref} ->
            Asker ! {Ref, Held},
            keep(Lines, Count, Held, Marks);
        {marks, Asker, Ref} ->
            Asker ! {Ref, lists:reverse(Marks)},
            keep(Lines, Count, Held, Marks);
        stop -> ok
    end.

errors() ->
    asked(told).

asked(What) ->
    case whereis(?WATCH) of
        undefined ->
            [];
        Keeper ->
            Ref = make_ref(),
            Keeper ! {What, self(), Ref},
            receive
                {Ref, Answer} -> Answer
            after ?ANSWER -> []
            end
    end.

%% How long the last upgrade held processes, by what its relup marked: from before the first one of a group is asked to
%% stop until all of them go on. No process of it stood longer.
pauses() ->
    {_, Pauses} = lists:foldl(fun pause/2, {#{}, []}, asked(marks)),
    lists:reverse(Pauses).

pause({mark, held, Modules, At}, {Open, Pauses}) ->
    %% One that is held twice stands since the first time.
    {maps:merge(maps:from_list([{Module, At} || Module <- Modules]), Open), Pauses};
pause({mark, go_on, Modules, At}, {Open, Pauses}) ->
    Ended = maps:with(Modules, Open),
    Pause = [#{modules => lists:sort(maps:keys(Ended)), microseconds => At - lists:min(maps:values(Ended))} || Ended =/= #{}],
    {maps:without(Modules, Open), Pause ++ Pauses}.

%% Snapshot --------------------------------------------------------------------------------------------------------

-spec snapshot(string()) -> map().
snapshot(Salt) ->
    Root = root(),
    {Current, Permanent} = versions(releases()),
    Running = application:which_applications(?PATIENCE),
    Loaded = application:loaded_applications(),
    Tree = tree(Salt, Running),
    Places = by_place(Root),
    #{
        os_pid => deliver_json:text(os:getpid()),
        release => deliver_json:text(Current),
        permanent => deliver_json:text(Permanent),
        applications => by_version(Running),
        loaded => by_version(Loaded),
        environment => maps:from_list([{App, environment(Salt, App)} || {App, _, _} <- Loaded]),
        modules => modules(Places),
        paths => [deliver_json:text(Path) || Full <- code:get_path(), Path <- below(Root, Full)],
        tree => [maps:without([process, number], One) || One <- Tree],
        others => others(Places, [Pid || #{process := Pid} <- Tree]),
        old_code => old_code(),
        names => lists:sort([Name || Name <- registered(), Name =/= ?WATCH]),
        tables => lists:usort([ets:info(Table, name) || Table <- ets:all(), ets:info(Table, named_table) =:= true]),
        ports => ports(),
        errors => errors(),
        pauses => pauses(),
        os_env => os_env(Salt)
    }.

by_version(Apps) ->
    maps:from_list([{App, deliver_json:text(Version)} || {App, _, Version} <- Apps]).

%% The release's directory, where release_handler looks: an ERTS outside of it has another root.
root() ->
    filename:dirname(straight(releases_dir())).

releases_dir() ->
    case {application:get_env(sasl, releases_dir), os:getenv("RELDIR")} of
        {{ok, Directory}, _} -> Directory;
        {undefined, false} -> filename:join(code:root_dir(), "releases");
        {undefined, Directory} -> Directory
    end.

%% What release_handler knows; nothing where sasl does not run.
releases() ->
    case whereis(release_handler) =/= undefined andalso within(fun release_handler:which_releases/0, ?PATIENCE) of
        false -> [];
        {answer, Releases} -> Releases;
        _ -> told("release_handler does not answer: it is at work, or hangs", [])
    end.

versions(Releases) ->
    {Name, Booted} = init:script_id(),
    Known = [{Status, Version} || {Release, Version, _, Status} <- Releases, Release =:= Name],
    Permanent = proplists:get_value(permanent, Known, Booted),
    {proplists:get_value(current, Known, Permanent), Permanent}.

environment(Salt, App) ->
    maps:from_list([
        {key(Key), hash(Salt, Value)}
     || {Key, Value} <- application:get_all_env(App), Key =/= included_applications
    ]).

key(Key) when is_atom(Key) -> Key;
key(Key) -> shown(Key).

modules(Places) ->
    Compared = [Module || {Place, Modules} <- Places, is_compared(Place), Module <- Modules],
    maps:from_list([{Module, Md5} || Module <- Compared, Md5 <- md5(Module)]).

%% Loaded modules of the release, by their directory there. Each directory is looked at once: to look at that of each
%% module would take longer than all else in a snapshot.
by_place(Root) ->
    Loaded = lists:foldl(fun by_directory/2, #{}, code:all_loaded()),
    [
        {Place, Modules}
     || {Directory, Modules} <- maps:to_list(Loaded), Place <- below(Root, lists:reverse(Directory))
    ].

by_directory({Module, [_ | _] = File}, Found) ->
    maps:update_with(backwards(File), fun(Modules) -> [Module | Modules] end, [Module], Found);
by_directory(_, Found) ->
    Found.

%% The directory of a file, from its end on.
backwards(File) ->
    lists:dropwhile(fun(Character) -> Character =/= $/ end, lists:reverse(File)).

is_compared("lib/" ++ _ = Place) -> not lists:member(app_of(Place), ?FOUNDATION);
is_compared(Place) -> filename:basename(Place) =:= "consolidated".

%% None when the module is unloaded just now.
md5(Module) ->
    try
        [hex(erlang:get_module_info(Module, md5))]
    catch
        error:_ -> []
    end.

%% The application that has that directory.
app_of("lib/" ++ Rest) ->
    hd(string:split(hd(filename:split(Rest)), "-")).

below(Root, Path) ->
    case string:prefix(straight(Path), Root ++ "/") of
        nomatch -> [];
        Rest -> [Rest]
    end.

%% Boot scripts find what lies beside `lib` by way of it: `lib/../releases`.
straight(Path) ->
    filename:join(lists:reverse(lists:foldl(fun straight/2, [], filename:split(filename:absname(Path))))).

straight("..", [_, Above | Parts]) -> [Above | Parts];
straight(".", Parts) -> Parts;
straight(Part, Parts) -> [Part | Parts].

%% Processes with code that is not the current one. A process that does not say so in time is left out.
old_code() ->
    %% Also modules that have only old code: those that an upgrade has removed.
    Old = [Module || Module <- erlang:loaded(), erlang:check_old_code(Module), not lists:member(Module, ?OURS)],
    Asked = [{Pid, Module} || Module <- Old, Pid <- processes(), Pid =/= self()],
    _ = [erlang:check_process_code(Pid, Module, [{async, One}]) || {Pid, Module} = One <- Asked],
    Running = run_old(length(Asked), deadline(?PATIENCE)),
    [
        #{pid => pid_text(Pid), name => name(Pid), modules => lists:sort(Modules)}
     || {Pid, Modules} <- maps:to_list(lists:foldl(fun collect/2, #{}, Running))
    ].

run_old(0, _) ->
    [];
run_old(Left, Deadline) ->
    receive
        {check_process_code, One, true} -> [One | run_old(Left - 1, Deadline)];
        {check_process_code, _, _} -> run_old(Left - 1, Deadline)
    after left(Deadline) -> []
    end.

collect({Pid, Module}, Found) ->
    maps:update_with(Pid, fun(Modules) -> [Module | Modules] end, [Module], Found).

%% Ports that somebody can connect or send to.
ports() ->
    lists:usort([Number || Port <- erlang:ports(), is_open(Port), {ok, Number} <- [inet:port(Port)]]).

is_open(Port) ->
    case erlang:port_info(Port, name) of
        {name, "udp_inet"} -> inet:peername(Port) =:= {error, enotconn};
        {name, "tcp_inet"} -> is_listening(prim_inet:getstatus(Port));
        _ -> false
    end.

is_listening({ok, Status}) -> lists:member(listen, Status);
is_listening(_) -> false.

os_env(Salt) ->
    Pairs = [string:split(Line, "=") || "RELEASE_" ++ _ = Line <- os:getenv()],
    maps:from_list([{deliver_json:text(Name), hash(Salt, Value)} || [Name, Value] <- Pairs]).

%% Processes outside the trees that were started with code of the release, and what with. At most so many are told.
others(Places, Known) ->
    Own = sets:from_list([Module || {Place, Modules} <- Places, is_own(Place), Module <- Modules]),
    Skipped = sets:from_list([self() | Known]),
    Found = fun() ->
        [
            #{pid => pid_text(Pid), name => name(Pid), call => call_text(Call)}
         || Pid <- processes(),
            not sets:is_element(Pid, Skipped),
            {Module, _, _} = Call <- [first_call(Pid)],
            sets:is_element(Module, Own)
        ]
    end,
    case within(Found, ?PATIENCE) of
        {answer, Others} -> lists:sublist(Others, ?MOST_OTHERS);
        _ -> []
    end.

is_own("lib/" ++ _ = Place) -> not lists:member(app_of(Place), ?OTP);
is_own(_) -> false.

call_text({Module, Function, Arity}) ->
    deliver_json:text(io_lib:format("~ts:~ts/~b", [Module, Function, Arity])).

%% What a process was started with: said by itself, by the system, or read from its stack where that is a fun.
first_call(Pid) ->
    case {initial(Pid), info(Pid, initial_call, none)} of
        {{Kind, Module, _}, _} when Kind =:= supervisor; Kind =:= supervisor_bridge -> {Module, init, 1};
        {{Module, Function, Arity}, _} when is_integer(Arity) -> {Module, Function, Arity};
        {none, {erlang, apply, 2}} -> hd(stack(Pid) ++ [none]);
        {none, Call} -> Call
    end.

%% The supervision trees -------------------------------------------------------------------------------------------

tree(Salt, Running) ->
    Places = lists:append(all_told([App || {App, _, _} <- Running], fun(App) -> app_tree(Salt, App) end)),
    Described = in_parallel(fun described/1, Places, ?PATIENCE),
    [described_or_not(Place, Answer) || {Place, Answer} <- lists:zip(Places, Described)].

%% A process that goes while it is looked at keeps its place.
described_or_not(_, {answer, Whole}) -> Whole;
described_or_not(Place, _) -> Place.

app_tree(Salt, App) ->
    case top(App) of
        {ok, Pid} -> walk([atom_to_binary(App, utf8)], #{process => Pid, type => supervisor, dynamic => false}, Salt);
        none -> []
    end.

top(App) ->
    case application_controller:get_master(App) of
        Master when is_pid(Master) -> top_of(within(fun() -> application_master:get_child(Master) end, ?PATIENCE));
        _ -> none
    end.

top_of({answer, {Pid, _}}) when is_pid(Pid) -> {ok, Pid};
top_of(_) -> none.

walk(Path, #{process := Pid} = Place, Salt) ->
    Kind = behaviour(Pid),
    Here = Place#{path => Path, behaviour => Kind},
    case {Kind, Place} of
        {supervisor, _} -> supervisor(Path, Here, Salt);
        {special, #{type := supervisor}} -> [Here | children(Path, Here, true, Salt)];
        _ -> [Here]
    end.

%% All supervisors are started alike; the state says which kind it is.
supervisor(Path, #{process := Pid} = Here, Salt) ->
    {Kind, About} = supervision(callback(Pid), supervisor_state(Path, Pid)),
    IsMany = Kind =:= dynamic_supervisor orelse maps:get(strategy, About, none) =:= simple_one_for_one,
    Whole = Here#{behaviour => Kind, supervisor => About},
    Told = if map_size(About) =:= 0 -> maps:remove(supervisor, Whole); true -> Whole end,
    [Told | children(Path, Told, IsMany, Salt)].

supervision(Module, {ok, State}) when is_tuple(State), tuple_size(State) > 7, element(1, State) =:= state ->
    {supervisor, about(Module, element(3, State), element(6, State), element(7, State))};
supervision(Module, {ok, #{strategy := Strategy, max_restarts := Intensity, max_seconds := Period}}) ->
    {dynamic_supervisor, about(Module, Strategy, Intensity, Period)};
supervision(_, {ok, _}) ->
    {dynamic_supervisor, #{}};
supervision(_, none) ->
    {supervisor, #{}}.

about(Module, Strategy, Intensity, Period) ->
    #{module => Module, strategy => Strategy, intensity => Intensity, period => Period}.

children(Path, #{process := Pid, dynamic := Dynamic}, IsMany, Salt) ->
    Listed = lists:reverse(which_children(Path, Pid)),
    Numbered = lists:zip(lists:seq(1, length(Listed)), Listed),
    Shown = case IsMany of true -> lists:sublist(Numbered, ?MOST_CHILDREN); false -> Numbered end,
    lists:append([child(Path, Pid, {IsMany, Dynamic}, One, Salt) || One <- Shown]).

%% One that is held answers nothing but system messages.
which_children(Path, Pid) ->
    case is_suspended(Pid) orelse within(fun() -> supervisor_children(Pid) end, ?PATIENCE + ?ANSWER) of
        true -> [];
        {answer, Children} when is_list(Children) -> Children;
        late -> silent(Path);
        {failed, exit, {timeout, _}} -> silent(Path);
        _ -> []
    end.

supervisor_children(Pid) ->
    gen_server:call(Pid, which_children, ?PATIENCE).

%% One that is busy for long would look like one without a strategy: nothing is said of a tree that is half seen.
supervisor_state(Path, Pid) ->
    case told_state(Pid, ?PATIENCE) of
        late -> silent(Path);
        Told -> Told
    end.

silent(Path) ->
    told("the supervisor ~ts does not answer", [place(Path)]).

child(Path, Supervisor, {IsMany, Dynamic}, {Number, {Id, Child, Type, Modules}}, Salt) ->
    Name = case IsMany of true -> integer_to_binary(Number); false -> shown(Id) end,
    Spec = case IsMany of true -> #{}; false -> spec(Path, Supervisor, Id, Salt) end,
    Place = Spec#{
        type => Type, modules => named(Modules), dynamic => IsMany orelse Dynamic, process => Child, number => Number
    },
    case is_pid(Child) of
        true -> walk(Path ++ [Name], Place, Salt);
        false -> [Place#{path => Path ++ [Name], behaviour => other}]
    end.

named(Modules) when is_list(Modules) -> Modules;
named(dynamic) -> [dynamic].

spec(Path, Supervisor, Id, Salt) ->
    case within(fun() -> gen_server:call(Supervisor, {get_childspec, Id}, ?PATIENCE) end, ?PATIENCE + ?ANSWER) of
        {answer, {ok, #{start := {Module, Function, Arguments}} = Spec}} ->
            #{
                start => start_text(Module, Function, Arguments),
                arguments => hash(Salt, Arguments),
                restart => maps:get(restart, Spec, permanent),
                shutdown => shown(maps:get(shutdown, Spec, default))
            };
        late ->
            silent(Path);
        {failed, exit, {timeout, _}} ->
            silent(Path);
        _ ->
            #{}
    end.

%% Of a temporary child, the arguments are not kept.
start_text(Module, Function, undefined) -> deliver_json:text(io_lib:format("~ts:~ts", [Module, Function]));
start_text(Module, Function, Arguments) -> call_text({Module, Function, length(Arguments)}).

%% Processes -------------------------------------------------------------------------------------------------------

%% What a process is, told from how it was started and where it stands; nothing is sent to it for that.
behaviour(Pid) ->
    case initial(Pid) of
        {supervisor, _, _} -> supervisor;
        {gen_event, init_it, _} -> gen_event;
        {supervisor_bridge, _, _} -> gen_server;
        {_, _, _} = Call -> behaviour(Call, outermost(Pid));
        none -> other
    end.

behaviour(_, {gen_server, _, _}) -> gen_server;
behaviour(_, {gen_statem, _, _}) -> gen_statem;
behaviour({Module, init, 1}, Where) when Where =:= none; element(1, Where) =:= sys ->
    Known = [{gen_statem, callback_mode, 0}, {gen_server, handle_call, 3}, {special, system_continue, 3}],
    hd([Kind || {Kind, Function, Arity} <- Known, erlang:function_exported(Module, Function, Arity)] ++ [other]);
behaviour({Module, _, _}, Where) ->
    Modules = [Module | [element(1, Where) || Where =/= none]],
    case lists:any(fun(One) -> erlang:function_exported(One, system_continue, 3) end, Modules) of
        true -> special;
        false -> other
    end.

%% The function that a process is in for as long as it lives; none where its stack does not reach down to it.
outermost(Pid) ->
    case stack(Pid) of
        [{proc_lib, _, _} | Frames] -> hd([Frame || {Module, _, _} = Frame <- Frames, Module =/= proc_lib] ++ [none]);
        _ -> none
    end.

%% The deepest frame first. A deep stack is cut off there; that of a process that hibernates is empty.
stack(Pid) ->
    lists:reverse([{Module, Function, Arity} || {Module, Function, Arity, _} <- info(Pid, current_stacktrace, [])]).

initial(Pid) ->
    case proplists:get_value('$initial_call', info(Pid, dictionary, []), none) of
        {Module, Function, _} = Call when is_atom(Module), is_atom(Function) -> Call;
        _ -> none
    end.

is_suspended(Pid) ->
    lists:any(fun({Module, Function, _}) -> Module =:= sys andalso is_suspension(Function) end, stack(Pid)).

is_suspension(Function) ->
    lists:member(Function, [suspend_loop, suspend_loop_hib]).

info(Pid, Item, Default) ->
    case process_info(Pid, Item) of
        {Item, Value} -> Value;
        _ -> Default
    end.

name(Pid) ->
    case process_info(Pid, registered_name) of
        {registered_name, Name} -> Name;
        _ -> <<>>
    end.

pid_text(Pid) ->
    list_to_binary(pid_to_list(Pid)).

callback(Pid) ->
    case initial(Pid) of
        {Kind, Module, _} when Kind =:= supervisor; Kind =:= supervisor_bridge -> Module;
        {Module, _, _} -> Module;
        none -> ''
    end.

described(#{process := Pid} = Place) when not is_pid(Pid) ->
    Place;
described(#{process := Pid, behaviour := Kind, dynamic := Dynamic} = Place) ->
    Asked = not Dynamic orelse maps:get(number, Place, 1) =< ?MOST_STATES,
    Base = Place#{
        pid => pid_text(Pid), name => name(Pid), callback => callback(Pid), suspended => is_suspended(Pid)
    },
    case Asked andalso Kind =/= other of
        true -> asked(Base, told_state(Pid, ?ANSWER));
        false -> Base
    end.

asked(Base, late) -> Base#{silent => true};
asked(Base, none) -> Base;
asked(Base, {ok, State} = Answer) -> maps:merge(stated(Base, Answer), contents(State)).

stated(#{behaviour := Kind} = Base, _) when Kind =:= supervisor; Kind =:= dynamic_supervisor ->
    Base;
stated(#{behaviour := gen_event} = Base, {ok, Handlers}) when is_list(Handlers) ->
    Sorted = lists:sort([{Module, State} || {Module, _, State} <- Handlers]),
    Shapes = [#{tuple => [#{atom => Module}, shape(State, ?DEPTH - 1)]} || {Module, State} <- Sorted],
    Base#{handlers => [Module || {Module, _} <- Sorted], state => #{tuple => Shapes}};
stated(#{behaviour := gen_statem} = Base, {ok, {State, Data}}) ->
    %% The state's name is data: it changes all the time.
    Base#{state => #{tuple => [shape(State, ?DEPTH - 1), shape(Data, ?DEPTH - 1)]}};
stated(Base, {ok, State}) ->
    Base#{state => shape(State, ?DEPTH)}.

%% Only for those that understand `sys` messages.
told_state(Pid, Wait) ->
    case info(Pid, memory, 0) =< ?MOST_MEMORY andalso within(fun() -> sys:get_state(Pid, Wait) end, Wait + ?ANSWER) of
        {answer, State} -> {ok, State};
        {failed, exit, {timeout, _}} -> late;
        late -> late;
        _ -> none
    end.

%% The shape of a term: what it is made of, and none of its data.
shape(_, 0) -> <<"...">>;
shape(#{'__struct__' := Name} = Struct, Depth) when is_atom(Name) ->
    #{struct => Name, keys => shapes(maps:remove('__struct__', Struct), Depth)};
shape(Map, Depth) when is_map(Map) ->
    case map_size(Map) =< ?MOST_KEYS andalso lists:all(fun is_atom/1, maps:keys(Map)) of
        true -> #{map => shapes(Map, Depth)};
        false -> map
    end;
shape({}, _) -> #{tuple => []};
shape(Tuple, Depth) when is_tuple(Tuple) ->
    [First | Rest] = tuple_to_list(Tuple),
    #{tuple => [tag(First, Depth) | [shape(One, Depth - 1) || One <- Rest]]};
shape(Term, _) when is_list(Term) -> list;
shape(Term, _) when is_integer(Term) -> integer;
shape(Term, _) when is_float(Term) -> float;
shape(Term, _) when is_bitstring(Term) -> binary;
shape(Term, _) when is_atom(Term) -> atom;
shape(Term, _) when is_pid(Term) -> pid;
shape(Term, _) when is_reference(Term) -> reference;
shape(Term, _) when is_port(Term) -> port;
shape(Term, _) when is_function(Term) -> function.

shapes(Map, Depth) ->
    maps:from_list([{key(Key), shape(Value, Depth - 1)} || {Key, Value} <- maps:to_list(Map)]).

tag(Atom, _) when is_atom(Atom) -> #{atom => Atom};
tag(Term, Depth) -> shape(Term, Depth - 1).

%% What stays as it is when code changes: modules whose functions a term holds (`stale` is the code that they are of, when
%% it is not what runs now), and the keys of its structs.
contents(Term) ->
    {_, Found} = look(Term, {?MOST_TERMS, #{}}),
    Funs = [One || {function, _, _} = One <- maps:keys(Found)],
    #{
        funs => lists:usort([Module || {function, Module, _} <- Funs]),
        stale => lists:usort([Module || {function, Module, Code} <- Funs, Code =/= current(Module)]),
        structs => maps:fold(fun with_keys/3, #{}, Found)
    }.

current(Module) ->
    try
        erlang:get_module_info(Module, md5)
    catch
        error:_ -> none
    end.

with_keys({struct, Name, Keys}, _, Structs) ->
    maps:update_with(Name, fun(Known) -> [Keys | Known] end, [Keys], Structs);
with_keys(_, _, Structs) ->
    Structs.

look(_, {0, _} = Done) ->
    Done;
look([Head | Tail], Seen) ->
    look(Tail, look(Head, Seen));
look(Term, {Left, Found}) when is_tuple(Term) ->
    look(tuple_to_list(Term), {Left - 1, Found});
look(#{'__struct__' := Name} = Struct, {Left, Found}) when is_atom(Name) ->
    Keys = lists:sort([key(Key) || Key <- maps:keys(Struct), Key =/= '__struct__']),
    look(maps:values(Struct), {Left - 1, Found#{{struct, Name, Keys} => true}});
look(Term, {Left, Found}) when is_map(Term) ->
    look(maps:to_list(Term), {Left - 1, Found});
look(Term, {Left, Found}) when is_function(Term) ->
    case [element(2, erlang:fun_info(Term, Item)) || Item <- [type, module, new_uniq, env]] of
        [local, Module, Code, Env] -> look(Env, {Left - 1, Found#{{function, Module, Code} => true}});
        _ -> {Left - 1, Found}
    end;
look(_, {Left, Found}) ->
    {Left - 1, Found}.

%% Before an upgrade -----------------------------------------------------------------------------------------------

%% Whether a node may be changed, by the versions and the modules that the upgrade changes. Changes nothing.
%% `problems` would end the upgrade badly; `unreached` are processes that release_handler does not find. `Held` has the
%% modules whose processes it will hold, and so look for, each with the milliseconds that it waits for them.
-spec preflight(string(), string(), [module()], [{module(), pos_integer()}]) -> map().
preflight(From, To, Modules, Held) ->
    Releases = releases(),
    {Current, Permanent} = versions(Releases),
    Running = application:which_applications(?PATIENCE),
    Tree = tree("", Running),
    Found = maps:from_list(lists:append(all_told([App || {App, _, _} <- Running], fun reached/1))),
    Problems =
        [handler(), running(From, Current)] ++ [problem(One, Held) || One <- Tree] ++ lingering(Modules) ++
            busy(Found, Held),
    #{
        current => deliver_json:text(Current),
        permanent => deliver_json:text(Permanent),
        releases => maps:from_list([{deliver_json:text(Version), Status} || {_, Version, _, Status} <- Releases]),
        incarnation => incarnation(),
        known => is_right(Releases, Current) andalso (To =:= "" orelse lists:keymember(To, 2, Releases)),
        problems => [deliver_json:text(Text) || Text <- Problems, Text =/= none],
        unreached => unreached(Modules, Found)
    }.

running(From, Current) when From =:= ""; From =:= Current -> none;
running(From, Current) -> io_lib:format("it runs ~ts, not ~ts", [Current, From]).

%% release_handler must work where the release is: with an ERTS outside of it, it works on Erlang's own.
handler() ->
    Here = releases_dir(),
    case {whereis(release_handler), init:get_argument(boot)} of
        {undefined, _} -> "sasl does not run there, and so no release_handler";
        {_, {ok, [[Boot] | _]}} -> handler(Here, filename:dirname(filename:dirname(Boot)));
        _ -> handler(Here, "")
    end.

handler(Here, Booted) ->
    case is_same(Here, Booted) of
        true -> none;
        false -> io_lib:format("its release_handler works in ~ts, where this release is not", [Here])
    end.

is_same(One, Other) ->
    One =:= Other orelse identity(One) =:= identity(Other).

%% Device and inode; what is not there is only itself.
identity(Path) ->
    case file:read_file_info(Path) of
        {ok, Info} -> {element(10, Info), element(12, Info)};
        {error, _} -> Path
    end.

problem(#{process := Pid}, _) when not is_pid(Pid) ->
    none;
problem(#{suspended := true, path := Path}, _) ->
    io_lib:format("~ts is suspended: it would not answer", [place(Path)]);
problem(_, []) ->
    none;
problem(#{path := [App], behaviour := Kind}, _) when Kind =/= supervisor, Kind =/= dynamic_supervisor ->
    io_lib:format("the top process of ~ts is no supervisor: release_handler's search for processes kills it", [App]);
problem(#{type := worker, modules := [dynamic], behaviour := Kind, path := Path}, _) when Kind =/= gen_event ->
    io_lib:format("~ts has `dynamic` modules in its child spec, and is no gen_event: release_handler waits in vain", [
        place(Path)
    ]);
problem(_, _) ->
    none.

%% Processes that would not be held in time: their code would change under them, and nobody would change their states.
busy(Found, Held) ->
    Waits = [
        {Pid, lists:max(Times)}
     || {Pid, Mods} <- maps:to_list(Found),
        Times <- [[min(Time, ?LONGEST) || {Module, Time} <- Held, lists:member(Module, Mods)]],
        Times =/= [],
        behaviour(Pid) =/= other
    ],
    Longest = lists:max([0 | [Time || {_, Time} <- Waits]]),
    Answers = in_parallel(fun({Pid, Time}) -> sys:statistics(Pid, get, Time) end, Waits, Longest + ?ANSWER),
    [
        io_lib:format("~ts is busy: it has not answered within ~b ms, and would not be held while its code changes", [
            who(Pid), Time
        ])
     || {{Pid, Time}, Answer} <- lists:zip(Waits, Answers), is_late(Answer)
    ].

is_late(late) -> true;
is_late({failed, exit, {timeout, _}}) -> true;
%% One that ended is nobody's trouble.
is_late(_) -> false.

who(Pid) ->
    case name(Pid) of
        <<>> -> io_lib:format("process ~ts (~ts)", [pid_to_list(Pid), callback(Pid)]);
        Name -> io_lib:format("~ts", [Name])
    end.

lingering(Modules) ->
    [
        io_lib:format("process ~ts still runs old code of ~0tp, which this upgrade changes again", [Pid, Both])
     || #{pid := Pid, modules := Old} <- old_code(), Both <- [[M || M <- Old, lists:member(M, Modules)]], Both =/= []
    ].

%% Processes with a changed callback module that release_handler would neither hold nor tell of the change.
unreached(Modules, Found) ->
    Look = fun() ->
        [
            #{pid => pid_text(Pid), name => name(Pid), callback => Module}
         || Pid <- processes(),
            Reached <- [maps:get(Pid, Found, [])],
            %% An event manager says itself which modules it has.
            Reached =/= [dynamic],
            Module <- callbacks(Pid),
            lists:member(Module, Modules),
            not lists:member(Module, Reached)
        ]
    end,
    case within(Look, ?PATIENCE) of
        {answer, Unreached} -> lists:sublist(Unreached, ?MOST_OTHERS);
        _ -> told("its processes cannot be looked through in time", [])
    end.

%% The modules that a process, which is no supervisor, calls with its state.
callbacks(Pid) ->
    case callback(Pid) of
        gen_event -> handlers(Pid);
        Module -> [Module || has_state(Module), lists:member(behaviour(Pid), [gen_server, gen_statem, special])]
    end.

handlers(Pid) ->
    case within(fun() -> gen_event:which_handlers(Pid) end, ?ANSWER) of
        {answer, Handlers} -> lists:usort([handler_module(One) || One <- Handlers]);
        _ -> []
    end.

handler_module({Module, _}) -> Module;
handler_module(Module) -> Module.

%% Others have only started with that module, as an agent does with the fun that it is given.
has_state(Module) ->
    Callbacks = [{handle_call, 3}, {callback_mode, 0}, {system_code_change, 4}],
    lists:any(fun({Function, Arity}) -> erlang:function_exported(Module, Function, Arity) end, Callbacks).

%% What release_handler finds, as it does it: all children, however many.
reached(App) ->
    case top(App) of
        {ok, Pid} -> [{Pid, [callback(Pid)]} | reached_below([atom_to_binary(App, utf8)], Pid)];
        none -> []
    end.

reached_below(Path, Supervisor) ->
    case lists:member(behaviour(Supervisor), [supervisor, special]) of
        true -> lists:append([reached_child(Path, One) || One <- which_children(Path, Supervisor)]);
        false -> []
    end.

reached_child(Path, {Id, Pid, supervisor, Modules}) when is_pid(Pid) ->
    [{Pid, named(Modules)} | reached_below(Path ++ [shown(Id)], Pid)];
reached_child(_, {_, Pid, _, Modules}) when is_pid(Pid) ->
    [{Pid, named(Modules)}];
reached_child(_, _) ->
    [].

%% Have release_handler know what deliver put in place, unless it does already. No restart is needed: it reads its file
%% when it starts, and its supervisor starts it anew.
-spec adopt(string()) -> boolean().
adopt(Root) ->
    _ = [told("~ts", [Problem]) || Problem <- [handler()], Problem =/= none],
    Releases = releases(),
    {_, Booted} = init:script_id(),
    case {is_right(Releases, Booted), versions(Releases)} of
        {true, _} -> false;
        {false, {Booted, Booted}} -> adopted(Root, Booted);
        {false, {Current, _}} -> told("it was changed to ~ts by hand, and release_handler does not know it", [Current])
    end.

%% Whether it knows that version with its libraries, where they are.
is_right(Releases, Version) ->
    case [Libs || {_, Known, Libs, _} <- Releases, Known =:= Version] of
        [[_ | _]] -> are_there(release_libs(Version));
        _ -> false
    end.

%% With their directories, which which_releases/0 keeps to itself.
release_libs(Version) ->
    case file:consult(filename:join(releases_dir(), "RELEASES")) of
        {ok, [Terms]} -> [Lib || Term <- Terms, element(3, Term) =:= Version, {_, _, Lib} <- element(5, Term)];
        _ -> []
    end.

%% A relative one is relative to Erlang's own root.
are_there([]) -> false;
are_there(Libs) -> lists:all(fun(Lib) -> filelib:is_dir(filename:join(code:root_dir(), Lib)) end, Libs).

adopted(Root, Booted) ->
    File = filename:join([Root, "releases", "RELEASES"]),
    Terms = [with_status(Term, Booted) || Term <- terms(Root)],
    lists:keymember(Booted, 3, Terms) orelse told("~ts, which runs, was not installed by deliver", [Booted]),
    {ok, Device} = file:open(File ++ ".deliver-new", [write, {encoding, utf8}]),
    ok = io:format(Device, "%% ~ts~n~tp.~n", [epp:encoding_to_string(utf8), Terms]),
    ok = file:close(Device),
    ok = file:rename(File ++ ".deliver-new", File),
    ok = supervisor:terminate_child(sasl_sup, release_handler),
    {ok, _} = supervisor:restart_child(sasl_sup, release_handler),
    true.

%% Only of versions that are wholly there.
terms(Root) ->
    Files = filelib:wildcard(filename:join([Root, ".deliver", "versions", "*", "release.term"])),
    [term(File) || File <- Files, filelib:is_file(filename:join(filename:dirname(File), "manifest"))].

%% The status is a mark that stands where an atom belongs.
term(File) ->
    {ok, Text} = file:read_file(File),
    Whole = unicode:characters_to_list(string:replace(string:trim(Text), "@STATUS@", "old")),
    {ok, Tokens, _} = erl_scan:string(Whole ++ "."),
    {ok, Term} = erl_parse:parse_term(Tokens),
    Term.

with_status(Release, Permanent) ->
    case element(3, Release) of
        Permanent -> setelement(6, Release, permanent);
        _ -> setelement(6, Release, old)
    end.

%% Have release_handler know a version that deliver put in place; what an earlier try left behind is forgotten first.
-spec introduce(string(), string(), string()) -> atom().
introduce(Root, Name, Version) ->
    Releases = releases(),
    case [Status || {_, Known, _, Status} <- Releases, Known =:= Version] of
        [Status] when Status =:= current; Status =:= permanent ->
            Status;
        [old] ->
            case is_right(Releases, Version) of
                true -> old;
                false -> introduced_anew(Root, Name, Version)
            end;
        [] ->
            set_unpacked(Root, Name, Version);
        _ ->
            introduced_anew(Root, Name, Version)
    end.

introduced_anew(Root, Name, Version) ->
    _ = release_handler:set_removed(Version),
    set_unpacked(Root, Name, Version).

set_unpacked(Root, Name, Version) ->
    File = filename:join([Root, "releases", Version, Name ++ ".rel"]),
    case file:consult(File) of
        {ok, [{release, _, _, Apps}]} ->
            taken(Version, release_handler:set_unpacked(File, [lib(Root, App) || App <- Apps]));
        _ -> told("~ts cannot be read", [File])
    end.

taken(_, {ok, _}) -> unpacked;
taken(Version, {error, Reason}) -> told("release_handler does not take ~ts: ~0tp", [Version, Reason]).

%% Where an application of the release lies: OTP's own may lie outside.
lib(Root, App) ->
    {Name, Version} = {element(1, App), element(2, App)},
    Directories = [filename:join(Root, "lib"), code:lib_dir()],
    Own = [D || D <- Directories, filelib:is_dir(filename:join(D, lists:concat([Name, "-", Version])))],
    {Name, Version, hd(Own ++ Directories)}.

%% The upgrade -----------------------------------------------------------------------------------------------------

%% Install a version. After an error before the point of no return OTP does not put back the environment and the
%% specifications of applications: we do. After one behind it, OTP restarts the node.
-spec install(string(), pos_integer()) -> map().
install(Version, Timeout) ->
    Before = kept(),
    keeper() ! {hold, set_at_runtime(Before)},
    Began = erlang:monotonic_time(millisecond),
    Answer = within(fun() -> release_handler:install_release(Version, [{update_paths, true}]) end, Timeout),
    Took = erlang:monotonic_time(millisecond) - Began,
    (outcome(Answer, Before))#{milliseconds => Took}.

outcome({answer, {ok, _, _}}, _) ->
    #{outcome => case is_stopping() of true -> restarting; false -> installed end, reason => <<>>};
outcome({answer, {continue_after_restart, _, _}}, _) ->
    #{outcome => restarting, reason => <<>>};
outcome({answer, {error, Reason}}, Before) ->
    Text = refused(Reason),
    case is_stopping() of
        true -> #{outcome => restarting, reason => Text};
        false ->
            #{outcome => failed_before, reason => <<Text/binary, (put_back(Before))/binary>>}
    end;
outcome(late, _) ->
    #{outcome => unknown, reason => <<"release_handler is still at work">>};
outcome({failed, _, Reason}, _) ->
    #{outcome => unknown, reason => deliver_json:text(io_lib:format("~0tP", [Reason, 30]))}.

refused({old_processes, Module}) ->
    deliver_json:text(io_lib:format("a process still runs old code of ~ts, which would end it", [Module]));
refused(Reason) ->
    deliver_json:text(io_lib:format("~0tP", [Reason, 30])).

%% release_handler answers, and only then has the node restart: it has when it answers again.
is_stopping() ->
    Again = within(fun release_handler:which_releases/0, ?PATIENCE),
    case within(fun init:get_status/0, ?PATIENCE) of
        {answer, {stopping, _}} -> true;
        {answer, _} -> element(1, Again) =:= failed;
        _ -> true
    end.

%% All of a change in one question: the node before, the installation, and the node after it.
-spec change(string(), string(), string(), string(), pos_integer()) -> map().
change(Salt, Root, Name, Version, Timeout) ->
    ok = watch(Salt),
    %% It may start release_handler anew, which is no change of the release's.
    _ = adopt(Root),
    Before = snapshot(Salt),
    _ = introduce(Root, Name, Version),
    case install(Version, Timeout) of
        #{outcome := installed} = Told -> Told#{before => Before, 'after' => seen(Salt)};
        Told -> Told
    end.

%% Once the new release runs, a node that does not tell of itself has to be told from one that was not changed.
seen(Salt) ->
    case within(fun() -> snapshot(Salt) end, 2 * ?QUESTION) of
        {answer, Snapshot} -> Snapshot;
        {failed, throw, {told, Text}} -> #{silent => deliver_json:text(Text)};
        {failed, Class, Reason} -> #{silent => shown({Class, Reason})};
        late -> #{silent => <<"it does not tell of itself in time">>}
    end.

%% What runs now, what boots next, and since when: see incarnation/0.
-spec standing() -> map().
standing() ->
    {Current, Permanent} = versions(releases()),
    #{
        current => deliver_json:text(Current),
        permanent => deliver_json:text(Permanent),
        incarnation => incarnation()
    }.

%% Another one after each start and restart: a restart inside the node keeps its process, but not those in it.
incarnation() ->
    deliver_json:text([os:getpid(), $\s, pid_to_list(whereis(kernel_sup))]).

%% The configuration that application_controller gives to applications, and what each of them is and has now.
kept() ->
    State = sys:get_state(application_controller, ?PATIENCE),
    Apps = [
        {App, Keys, application:get_all_env(App)}
     || {App, _, _} <- application:loaded_applications(), {ok, Keys} <- [application:get_all_key(App)]
    ],
    {element(tuple_size(State), State), Apps}.

put_back({Configured, Apps}) ->
    Told = application_controller:prep_config_change(),
    Specs = [{application, App, Keys} || {App, Keys, _} <- Apps],
    Answer = application_controller:change_application_data(Specs, Configured),
    lists:foreach(fun({App, _, Env}) -> put_back(App, Env, application:get_all_env(App)) end, Apps),
    %% They were told of the new configuration.
    _ = application_controller:config_change(Told),
    case Answer of
        ok -> <<>>;
        {error, Reason} -> deliver_json:text(io_lib:format("; applications cannot be put back: ~0tP", [Reason, 20]))
    end.

put_back(App, Env, Now) ->
    _ = [application:unset_env(App, Key) || {Key, _} <- Now, not lists:keymember(Key, 1, Env)],
    _ = [application:set_env(App, Key, Value) || {Key, Value} = One <- Env, not lists:member(One, Now)],
    ok.

%% What applications have set in their environment by themselves: it stands in no file, and OTP forgets it in an
%% upgrade. What config providers set is not that: application_controller knows it as configuration.
set_at_runtime({Configured, Apps}) ->
    [
        {App, Own}
     || {App, _, Env} <- Apps,
        Left <- [without(proplists:get_value(App, Configured, []), Env)],
        Left =/= [],
        Own <- [without(default(App), Left)],
        Own =/= []
    ].

without(Named, Env) ->
    [One || {Key, _} = One <- Env, not lists:keymember(Key, 1, Named)].

default(App) ->
    File = code:where_is_file(atom_to_list(App) ++ ".app"),
    case is_list(File) andalso file:consult(File) of
        {ok, [{application, App, Keys}]} -> proplists:get_value(env, Keys, []);
        _ -> []
    end.

%% Make a version permanent; say who still runs old code, which ends with that.
-spec commit(string()) -> map().
commit(Version) ->
    Lingering = old_code(),
    case [Status || {_, Known, _, Status} <- releases(), Known =:= Version] of
        [permanent] -> ok;
        _ -> made(Version, within(fun() -> release_handler:make_permanent(Version) end, ?QUESTION - ?PATIENCE))
    end,
    %% A restart inside the node, and heart, are to boot what is permanent now.
    _ = code:is_loaded(deliver_relup) =/= false andalso deliver_relup:settle(Version),
    #{lingering => Lingering}.

made(_, {answer, ok}) -> ok;
made(Version, {answer, {error, Reason}}) ->
    told("release_handler does not make ~ts permanent: ~0tp", [Version, Reason]);
made(Version, _) -> told("release_handler did not say that ~ts is permanent", [Version]).

%% commit/1 and leave/0 in one question.
-spec finish(string()) -> map().
finish(Version) ->
    Told = commit(Version),
    ok = leave(),
    Told.

%% End what runs of ours; whoever asks removes the code then.
-spec leave() -> ok.
leave() ->
    unwatch().

%% Helpers ---------------------------------------------------------------------------------------------------------

%% {answer, What} of Work; {failed, Class, Reason}; or late. A process of its own does it, whose end nobody logs.
within(Work, Timeout) ->
    {Worker, Monitor} = spawn_monitor(fun() -> exit(tried(Work)) end),
    awaited(Worker, Monitor, deadline(Timeout)).

tried(Work) ->
    try
        {answer, Work()}
    catch
        error:Reason:Stack ->
            {failed, error, {Reason, [setelement(3, One, arity(One)) || One <- lists:sublist(Stack, 3)]}};
        Class:Reason -> {failed, Class, Reason}
    end.

%% What a function was called with may be secret.
arity({_, _, Arguments, _}) when is_list(Arguments) -> length(Arguments);
arity({_, _, Arity, _}) -> Arity.

awaited(Worker, Monitor, Deadline) ->
    receive
        {'DOWN', Monitor, process, Worker, {answer, _} = Answer} -> Answer;
        {'DOWN', Monitor, process, Worker, {failed, _, _} = Failed} -> Failed;
        {'DOWN', Monitor, process, Worker, Reason} -> {failed, exit, Reason}
    after left(Deadline) ->
        exit(Worker, kill),
        erlang:demonitor(Monitor, [flush]),
        late
    end.

deadline(Timeout) ->
    erlang:monotonic_time(millisecond) + Timeout.

left(Deadline) ->
    max(0, Deadline - erlang:monotonic_time(millisecond)).

%% The same for many items, so many at once; in their order.
in_parallel(Work, Items, Timeout) when length(Items) > ?AT_ONCE ->
    {Some, Rest} = lists:split(?AT_ONCE, Items),
    in_parallel(Work, Some, Timeout) ++ in_parallel(Work, Rest, Timeout);
in_parallel(Work, Items, Timeout) ->
    Deadline = deadline(Timeout),
    Workers = [spawn_monitor(fun() -> exit(tried(fun() -> Work(Item) end)) end) || Item <- Items],
    [awaited(Worker, Monitor, Deadline) || {Worker, Monitor} <- Workers].

%% The answers for all items; a part that fails makes the whole fail.
all_told(Items, Work) ->
    [whole(One) || One <- in_parallel(Work, Items, ?QUESTION - 2 * ?PATIENCE)].

whole({answer, Answer}) -> Answer;
whole({failed, Class, Reason}) -> erlang:raise(Class, Reason, []);
whole(late) -> told("the supervision trees did not answer in time", []).

place(Path) ->
    lists:join(" / ", Path).

shown(Term) ->
    deliver_json:text(io_lib:format("~0tp", [Term])).

hash(Salt, Term) ->
    hex(erlang:md5([Salt, term_to_binary(plain(Term))])).

%% Terms of two boots can be compared when what is made anew at each boot, or stands in any order, is left out.
plain(Term) when is_pid(Term); is_reference(Term); is_port(Term) -> '_';
plain(Term) when is_function(Term) ->
    {type, Type} = erlang:fun_info(Term, type),
    {'fun', Type, erlang:fun_info(Term, module), erlang:fun_info(Term, arity)};
plain([Head | Tail]) -> [plain(Head) | plain(Tail)];
plain(Term) when is_tuple(Term) -> list_to_tuple(plain(tuple_to_list(Term)));
plain(Term) when is_map(Term) -> {map, lists:sort(plain(maps:to_list(Term)))};
plain(Term) -> Term.

hex(Binary) ->
    <<<<(digit(Nibble))>> || <<Nibble:4>> <= Binary>>.

digit(Nibble) when Nibble < 10 -> $0 + Nibble;
digit(Nibble) -> $a + Nibble - 10.
