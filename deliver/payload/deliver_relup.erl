%% What a relup of ours asks of the node that OTP's own instructions cannot express. Runs inside release_handler.
%%
%% An exception after the point of no return makes OTP restart the node into its permanent release, with all state lost:
%% each function does its whole work, or raises because going on would be worse.
-module(deliver_relup).

-export([configure/1, protocols/1, environment/1, settle/1, stop_child/1, end_child/1, start_child/1, supervisor/2]).
-export([inline_child/1, mark/2]).

%% The callback module of a supervisor whose children are given inline, as Elixir has it.
-define(INLINE, 'Elixir.Supervisor.Default').

%% Configuration ------------------------------------------------------------------------------------------------------

%% Sets what the config providers of that release have computed on this host.
%%
%% release_handler has just made every application's environment anew, of the release's boot file and its sys.config.
%% Whatever the old release had set, by providers too, is gone with that; so keys are only set here, never unset: a key
%% that is there and not in the file came from the command line, or from OTP itself. `persistent` is how providers set
%% at boot: an application that is loaded only later gets its values too.
configure(Version) ->
    case resolved(Version) of
        {ok, #{env := Env}} -> ok = application:set_env(Env, [{persistent, true}]);
        {error, enoent} -> ok;
        {error, Reason} -> error({deliver, unreadable, resolved_file(Version), Reason})
    end,
    [
        application:set_env(App, Key, Value)
     || {App, Values} <- held(), {Key, Value} <- Values, application:get_env(App, Key) =:= undefined
    ],
    ok.

%% What applications had set in their environment by themselves, as `deliver_node` saw it before the upgrade; nothing
%% when the relup is installed by hand.
held() ->
    case whereis(deliver_node_watch) of
        undefined ->
            [];
        Keeper ->
            Ref = make_ref(),
            Keeper ! {held, self(), Ref},
            receive
                {Ref, Held} -> Held
            after 5000 -> error({deliver, silent, deliver_node_watch})
            end
    end.

resolved(Version) ->
    case file:read_file(resolved_file(Version)) of
        {ok, Binary} -> {ok, binary_to_term(Binary)};
        Error -> Error
    end.

resolved_file(Version) ->
    filename:join([root(), ".deliver", "upgrades", "resolved", Version ++ ".etf"]).

%% The release's directory: where release_handler looks, or where the start script says.
root() ->
    filename:dirname(releases()).

releases() ->
    case {application:get_env(sasl, releases_dir), os:getenv("RELDIR"), os:getenv("RELEASE_ROOT")} of
        {{ok, Directory}, _, _} -> Directory;
        {undefined, Directory, _} when Directory =/= false -> Directory;
        {undefined, false, Root} when Root =/= false -> filename:join(Root, "releases");
        _ -> filename:join(code:root_dir(), "releases")
    end.

%% Consolidated protocols ---------------------------------------------------------------------------------------------

%% Loads the protocols as they are consolidated in that release, where they differ, and those that only the release
%% before had consolidated as their application has them. Their directory takes the old one's place in the code path.
protocols(Version) ->
    New = consolidated(Version),
    Old = [Path || Path <- code:get_path(), is_consolidated(Path), not lists:member(Path, New)],
    Before = [Module || Path <- Old, {Module, _} <- beams(Path)],
    ok = replace_paths(Old, New),
    Now = [Beam || Path <- New, Beam <- beams(Path)],
    lists:foreach(fun({Module, File}) -> refresh(Module, File) end, Now),
    lists:foreach(fun restore/1, [Module || Module <- Before, not lists:keymember(Module, 1, Now)]).

%% The directories that the release itself would boot with.
consolidated(Version) ->
    {ok, Boot} = file:read_file(filename:join([releases(), Version, "start.boot"])),
    {script, _, Script} = binary_to_term(Boot),
    Paths = [expand(Path) || {path, Paths} <- Script, Path <- Paths],
    lists:usort([Path || Path <- Paths, is_consolidated(Path), filelib:is_dir(Path)]).

%% The variables of a boot script, as init takes them: $ROOT, and those of -boot_var.
expand("$" ++ Rest) ->
    {Name, Below} = lists:splitwith(fun(Char) -> Char =/= $/ end, Rest),
    Variables = [{"ROOT", code:root_dir()} | boot_variables()],
    {Name, Value} = lists:keyfind(Name, 1, Variables),
    Value ++ Below;
expand(Path) ->
    Path.

boot_variables() ->
    Flags = proplists:get_all_values(boot_var, init:get_arguments()),
    lists:append([pairs(Flag) || Flag <- Flags]).

pairs([Name, Value | Rest]) -> [{Name, Value} | pairs(Rest)];
pairs(_) -> [].

is_consolidated(Path) ->
    filename:basename(Path) =:= "consolidated".

replace_paths(Old, New) ->
    Paths = code:get_path(),
    case swapped(Paths, Old, New) of
        Paths -> ok;
        Swapped -> set_path(Swapped)
    end.

set_path(Paths) ->
    case code:set_path(Paths) of
        true -> ok;
        Error -> error({deliver, code_path, Error})
    end.

%% The new ones take the first old one's place; without an old one they come first, as they would at boot.
swapped(Paths, Old, New) ->
    Kept = [Path || Path <- Paths, not lists:member(Path, New)],
    case lists:splitwith(fun(Path) -> not lists:member(Path, Old) end, Kept) of
        {_, []} when New =/= [] -> in_place(Paths, New);
        {Head, Tail} -> Head ++ New ++ [Path || Path <- Tail, not lists:member(Path, Old)]
    end.

in_place(Paths, New) ->
    case New -- Paths of
        [] -> Paths;
        _ -> New ++ (Paths -- New)
    end.

beams(Directory) ->
    Files = filelib:wildcard(filename:join(Directory, "*.beam")),
    [{list_to_atom(filename:basename(File, ".beam")), File} || File <- Files].

%% A protocol that the new release has, but has not consolidated: its application's own beam. One that is nowhere has
%% gone with the release, and the relup removes it.
restore(Module) ->
    case code:where_is_file(atom_to_list(Module) ++ ".beam") of
        non_existing -> ok;
        File -> refresh(Module, File)
    end.

refresh(Module, File) ->
    {ok, Binary} = file:read_file(File),
    case loaded_md5(Module) =:= code:module_md5(Binary) of
        true -> ok;
        false -> load(Module, File, Binary)
    end.

loaded_md5(Module) ->
    case erlang:module_loaded(Module) of
        true -> Module:module_info(md5);
        false -> none
    end.

%% Functions of a protocol dispatch and return: who is still in code of two versions ago will not leave it.
load(Module, File, Binary) ->
    _ = code:soft_purge(Module) orelse code:purge(Module),
    case code:load_binary(Module, File, Binary) of
        {module, Module} -> ok;
        {error, Reason} -> error({deliver, not_loaded, Module, Reason})
    end.

%% The operating system's environment ---------------------------------------------------------------------------------

%% Says which release runs. What a restart inside the node reads stays as it is: until the release is permanent, such
%% a restart boots the one before.
environment(Version) ->
    lists:foreach(fun(Name) -> os:getenv(Name) =/= false andalso os:putenv(Name, Version) end, version_names()),
    release_heart().

%% Once the release is permanent: a restart inside the node (init:restart/0, `bin/app restart`) boots it, with its own
%% configuration, and its providers.
settle(Version) ->
    environment(Version),
    lists:foreach(fun(Name) -> settle_path(Name, Version) end, ["RELEASE_VM_ARGS", "RELEASE_REMOTE_VM_ARGS"]),
    case os:getenv("RELEASE_SYS_CONFIG") of
        false -> ok;
        Config -> settle_config(Config, Version)
    end.

version_names() ->
    ["RELEASE_VSN", "REL_VSN"].

settle_path(Name, Version) ->
    case of_release(os:getenv(Name)) of
        {true, Below} -> os:putenv(Name, filename:join([releases(), Version | Below]));
        false -> true
    end.

%% Whether that path lies in the directory of some release, and what of it stands below.
of_release(false) ->
    false;
of_release(Path) ->
    Parts = filename:split(Path),
    Above = filename:split(releases()),
    case lists:prefix(Above, Parts) andalso lists:nthtail(length(Above), Parts) of
        [_Version | Below] when Below =/= [] -> {true, Below};
        _ -> false
    end.

%% make_permanent has let `-config` point to the release's own file. That is right unless the start script gave another
%% one: the operator's, which stays, or a copy that config providers write to before they boot again.
settle_config(Config, Version) ->
    Own = filename:join([releases(), Version, "sys"]),
    case {of_release(Config), is_copy(Config), is_copied(Own)} of
        {false, false, _} -> boot_with(Config, Version);
        {_, _, true} -> boot_with(copy(Own, Version), Version);
        {_, _, false} -> boot_with(Own, Version)
    end.

boot_with(Config, Version) ->
    true = os:putenv("RELEASE_SYS_CONFIG", Config),
    init:make_permanent(filename:join([releases(), Version, "start"]), Config).

is_copy(Config) ->
    filename:extension(Config) =:= ".runtime".

%% The start script of a mix release looks for the same words.
is_copied(Own) ->
    {ok, Text} = file:read_file(Own ++ ".config"),
    binary:match(Text, <<"RUNTIME_CONFIG=true">>) =/= nomatch.

copy(Own, Version) ->
    Parts = [os:getenv("RELEASE_NAME", "release"), Version, erlang:system_time(second)],
    Name = lists:flatten(io_lib:format("~ts-~ts-~b.runtime", Parts)),
    Copy = filename:join(os:getenv("RELEASE_TMP", filename:join(root(), "tmp")), Name),
    File = Copy ++ ".config",
    ok = filelib:ensure_dir(File),
    ok = file:write_file(File, <<>>),
    ok = file:change_mode(File, 8#600),
    {ok, Text} = file:read_file(Own ++ ".config"),
    ok = file:write_file(File, Text),
    Copy.

%% heart keeps the environment that the node was started with; what names the release of then must not reach the start
%% script that heart runs when the node has died.
release_heart() ->
    case whereis(heart) of
        undefined -> ok;
        _ -> set_heart(heart_command())
    end.

heart_command() ->
    case heart:get_cmd() of
        {ok, Command} when Command =/= [] -> Command;
        _ -> os:getenv("HEART_COMMAND", "")
    end.

set_heart("") ->
    ok;
set_heart("unset RELEASE_VSN" ++ _) ->
    ok;
set_heart(Command) ->
    Paths = ["RELEASE_VM_ARGS", "RELEASE_REMOTE_VM_ARGS", "RELEASE_SYS_CONFIG"],
    Stale = [Name || Name <- Paths, is_stale(os:getenv(Name))],
    %% A command that is too long for heart stays as it is.
    _ = heart:set_cmd(lists:flatten(["unset ", lists:join(" ", version_names() ++ Stale), "; ", Command])),
    ok.

is_stale(false) -> false;
is_stale(Path) -> of_release(Path) =/= false orelse is_copy(Path).

%% Children of supervisors --------------------------------------------------------------------------------------------

%% Ends a child that the new release does not have, and forgets it. One that has gone already is as good as ended.
stop_child([App | Ids] = Path) ->
    case parent(App, lists:droplast(Ids)) of
        {ok, Supervisor} -> stop_child(Supervisor, lists:last(Ids), Path);
        {error, _} -> ok
    end.

stop_child(Supervisor, Id, Path) ->
    Ended = supervisor:terminate_child(Supervisor, Id),
    case Ended =:= ok andalso supervisor:delete_child(Supervisor, Id) of
        ok -> ok;
        {error, not_found} -> ok;
        false when Ended =:= {error, not_found} -> ok;
        Error -> error({deliver, not_stopped, Path, Error, Ended})
    end.

%% Ends a child that start_child/1 starts again later.
end_child([App | Ids] = Path) ->
    case parent(App, lists:droplast(Ids)) of
        {ok, Supervisor} -> ended(supervisor:terminate_child(Supervisor, lists:last(Ids)), Path);
        {error, Reason} -> error({deliver, not_stopped, Path, Reason})
    end.

ended(ok, _) -> ok;
ended({error, Reason}, Path) -> error({deliver, not_stopped, Path, Reason}).

%% Starts a child that its supervisor knows, and has not started.
start_child([App | Ids] = Path) ->
    case parent(App, lists:droplast(Ids)) of
        {ok, Supervisor} -> start_child(Supervisor, lists:last(Ids), Path);
        {error, Reason} -> error({deliver, not_started, Path, Reason})
    end.

start_child(Supervisor, Id, Path) ->
    case supervisor:restart_child(Supervisor, Id) of
        {ok, _} -> ok;
        {ok, _, _} -> ok;
        {error, running} -> ok;
        {error, restarting} -> ok;
        {error, {already_started, _}} -> ok;
        {error, Reason} -> error({deliver, not_started, Path, Reason})
    end.

%% The supervisor that is found from the top one of an application by these ids.
parent(App, Ids) ->
    case top(App) of
        {ok, Top} -> descend(Top, Ids);
        Error -> Error
    end.

top(App) ->
    case application_controller:get_master(App) of
        undefined -> {error, {not_running, App}};
        Master -> top_of(App, application_master:get_child(Master))
    end.

top_of(_, {Pid, _}) when is_pid(Pid) -> {ok, Pid};
top_of(App, _) -> {error, {no_supervisor, App}}.

descend(Supervisor, []) ->
    {ok, Supervisor};
descend(Supervisor, [Id | Ids]) ->
    case lists:keyfind(Id, 1, supervisor:which_children(Supervisor)) of
        {Id, Pid, _, _} when is_pid(Pid) -> descend(Pid, Ids);
        _ -> {error, {no_child, Id}}
    end.

%% Gives the top supervisor of an application, whose children are inline, those of the release. Children that stay keep
%% their processes; new ones are known from now on, and start by start_child/1.
supervisor(App, Version) ->
    Specs = inline(App, resolved(Version)),
    case top(App) of
        {ok, Pid} -> take_over(Pid, {ok, Specs});
        {error, Reason} -> error({deliver, no_supervisor, App, Reason})
    end.

inline(App, {ok, #{children := Children}}) when is_map_key(App, Children) ->
    maps:get(App, Children);
inline(App, _) ->
    error({deliver, unknown_children, App}).

%% The same for a supervisor below another one that has read its child spec anew: all that it is about stands there.
inline_child([App | Ids] = Path) ->
    {Above, Id} = {lists:droplast(Ids), lists:last(Ids)},
    case {parent(App, Above), parent(App, Ids)} of
        {{ok, Supervisor}, {ok, Pid}} -> take_over(Pid, spelled_out(supervisor:get_childspec(Supervisor, Id)));
        %% Its supervisor starts it with the new ones.
        {{ok, _}, {error, _}} -> ok;
        {{error, Reason}, _} -> error({deliver, no_supervisor, Path, Reason})
    end.

spelled_out({ok, #{start := {Module, start_link, Arguments}}}) ->
    {ok, _} = apply(Module, init, Arguments).

take_over(Pid, Arguments) ->
    ok = mark(held, [?INLINE]),
    ok = sys:suspend(Pid),
    try
        _ = with_arguments(sys:get_state(Pid), Arguments),
        _ = sys:replace_state(Pid, fun(State) -> with_arguments(State, Arguments) end),
        %% It asks its callback module for children again, which gives back what it is given.
        ok = sys:change_code(Pid, ?INLINE, undefined, [])
    after
        sys:resume(Pid),
        mark(go_on, [?INLINE])
    end.

%% The state of a supervisor, or of a DynamicSupervisor, with what its callback module is called with.
with_arguments(#{'__struct__' := 'Elixir.DynamicSupervisor', mod := ?INLINE} = State, Arguments) ->
    State#{args := Arguments};
with_arguments(State, Arguments) ->
    setelement(arguments_at(State), State, Arguments).

%% Which element of a supervisor's state that is: it stands behind the module.
arguments_at(State) ->
    Elements = tuple_to_list(State),
    Numbered = lists:zip3(lists:seq(2, length(Elements)), lists:droplast(Elements), tl(Elements)),
    case [At || {At, ?INLINE, {ok, {_, _}}} <- Numbered] of
        [At] when element(1, State) =:= state -> At;
        _ -> error({deliver, not_an_inline_supervisor})
    end.

%% Pauses -------------------------------------------------------------------------------------------------------------

%% Tells `deliver_node`, when it watches, that processes of these modules are about to be held, or that they go on.
mark(What, Held) ->
    Modules = [if is_tuple(One) -> element(1, One); true -> One end || One <- Held],
    case whereis(deliver_node_watch) of
        undefined ->
            ok;
        Keeper ->
            Keeper ! {mark, What, Modules, erlang:monotonic_time(microsecond)},
            ok
    end.
