"""A small Erlang application in any number of versions that differ in a module or two, built within a second or so.

A mill counts its turns in memory. On TCP port `$PORT` (or 4200) it answers `turn`, `turns`, `version` and `sound`. It
has a start script of its own, as a release of the `command` toolchain has.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from deliver.otp.release import Release
from deliver.store.store import Store
from tests.ship.tree import keep

APP = """
{application, mill, [
    {description, "It turns"}, {vsn, "VERSION"}, {registered, [mill, mill_sup]}, {modules, MODULES},
    {mod, {mill_app, []}}, {applications, [kernel, stdlib]}
]}.
"""

MODULES = {
    "mill_app": """
-module(mill_app).
-behaviour(application).
-export([start/2, stop/1]).
start(_, _) -> mill_sup:start_link().
stop(_) -> ok.
""",
    "mill_sup": """
-module(mill_sup).
-behaviour(supervisor).
-export([start_link/0, init/1]).
start_link() -> supervisor:start_link({local, ?MODULE}, ?MODULE, []).
init([]) -> {ok, {#{}, [#{id => One, start => {One, start_link, []}} || One <- [mill, mill_door]]}}.
""",
    "mill": """
-module(mill).
-behaviour(gen_server).
-export([start_link/0, turn/0, turns/0, sound/0]).
-export([init/1, handle_call/3, handle_cast/2]).
sound() -> "SOUND".
start_link() -> gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).
turn() -> gen_server:call(?MODULE, turn).
turns() -> gen_server:call(?MODULE, turns).
init([]) -> {ok, {mill, 0}}.
handle_call(turn, _, State) -> {reply, element(2, State) + 1, setelement(2, State, element(2, State) + 1)};
handle_call(turns, _, State) -> {reply, element(2, State), State}.
handle_cast(_, State) -> {noreply, State}.
""",
    "mill_door": """
-module(mill_door).
-export([start_link/0, init/0, accept/1, serve/1]).
start_link() -> proc_lib:start_link(?MODULE, init, []).
init() ->
    Port = list_to_integer(os:getenv("PORT", "4200")),
    {ok, Socket} = gen_tcp:listen(Port, [list, {packet, line}, {active, false}, {reuseaddr, true}]),
    proc_lib:init_ack({ok, self()}),
    accept(Socket).
accept(Socket) ->
    {ok, Client} = gen_tcp:accept(Socket),
    Pid = spawn(fun() -> receive go -> serve(Client) end end),
    ok = gen_tcp:controlling_process(Client, Pid),
    Pid ! go,
    ?MODULE:accept(Socket).
serve(Client) ->
    case gen_tcp:recv(Client, 0) of
        {ok, Line} -> ok = gen_tcp:send(Client, [answer(string:trim(Line)), "\\n"]), ?MODULE:serve(Client);
        {error, closed} -> ok
    end.
answer("turn") -> integer_to_list(mill:turn());
answer("turns") -> integer_to_list(mill:turns());
answer("sound") -> mill:sound();
answer("version") -> {ok, Version} = application:get_key(mill, vsn), Version;
answer(_) -> "what?".
""",
}

START = """\
#!/bin/sh
set -eu
root=$(cd "$(dirname "$0")/.." && pwd -P)
read -r erts version <"$root/releases/start_erl.data"
ROOTDIR=$root BINDIR=$root/erts-$erts/bin EMU=beam PROGNAME=erl
export ROOTDIR BINDIR EMU PROGNAME
node="'$BINDIR/erlexec' -boot '$root/releases/$version/start' -args_file '$root/releases/$version/vm.args'"
mkdir -p "$root/tmp/pipe" "$root/log"
case $1 in
  daemon) exec "$BINDIR/run_erl" -daemon "$root/tmp/pipe/" "$root/log" "exec $node" ;;
  *) exit 64 ;;
esac
"""

#: Lays out a release of each version, by OTP's own means, with the ERTS beside it for all of them.
FORGE = """
main([Place, Out | Versions]) ->
    ok = file:set_cwd(Place),
    ok = application:load(sasl),
    Otp = [{App, Vsn} || {App, _, Vsn} <- application:loaded_applications(), lists:member(App, [kernel, stdlib, sasl])],
    [forge(Version, Otp) || Version <- Versions],
    First = hd(Versions),
    {ok, _, _} = systools:make_tar(First ++ "/mill", [{path, [First ++ "/ebin"]}, {erts, code:root_dir()}, silent]),
    ok = erl_tar:extract(First ++ "/mill.tar.gz", [compressed, {cwd, Out}]).
forge(Version, Otp) ->
    Ebin = Version ++ "/ebin",
    Sources = filelib:wildcard(Version ++ "/src/*.erl"),
    [{ok, _} = compile:file(Source, [{outdir, Ebin}, debug_info, report]) || Source <- Sources],
    Apps = Otp ++ [{mill, Version}],
    Rel = {release, {"mill", Version}, {erts, erlang:system_info(version)}, Apps},
    ok = file:write_file(Version ++ "/mill.rel", io_lib:format("~p.~n", [Rel])),
    {ok, _, _} = systools:make_script(Version ++ "/mill", [{path, [Ebin]}, silent]).
"""


@dataclass(frozen=True)
class Version:
    """One version.

    Args:
        number: `0.1.0`, and so on.
        modules: its modules, where they differ from those above, or come on top.
        vm_args: more lines of vm.args.
    """

    number: str
    modules: dict[str, str] = field(default_factory=dict)
    vm_args: str = ""

    def texts(self) -> dict[str, str]:
        """Return the text of each module."""
        whole = {**MODULES, **self.modules}
        return {name: text.replace("SOUND", f"the sound of {self.number}") for name, text in whole.items()}


def changed(module: str, *pairs: tuple[str, str], more: str = "") -> dict[str, str]:
    """Return a module with some of its text replaced, and more functions, which are exported."""
    text = MODULES[module].replace(").\n", ").\n-compile([export_all, nowarn_export_all]).\n", 1)
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return {module: text + more}


def forge(directory: Path, store: Store, versions: Iterable[Version]) -> dict[str, Release]:
    """Build the versions, and keep them in a store."""
    known = {one.number: one for one in versions}
    for number, one in known.items():
        _write(directory / number, one)
    script = directory / "forge.escript"
    script.write_text(f"%%! -noshell\n{FORGE}")
    common = directory / "common"
    common.mkdir()
    subprocess.run(["escript", script, directory, common, *known], check=True, stdin=subprocess.DEVNULL)
    shutil.rmtree(common / "releases")
    for lib in common.glob("lib/mill-*"):
        shutil.rmtree(lib)
    return {number: _kept(directory, store, one) for number, one in known.items()}


def _write(place: Path, version: Version) -> None:
    for name in ("src", "ebin"):
        (place / name).mkdir(parents=True)
    texts = version.texts()
    for name, text in texts.items():
        (place / "src" / f"{name}.erl").write_text(text)
    app = APP.replace("VERSION", version.number).replace("MODULES", f"[{', '.join(texts)}]")
    (place / "ebin" / "mill.app").write_text(app)


def _kept(directory: Path, store: Store, version: Version) -> Release:
    tree = directory / "trees" / version.number
    tree.parent.mkdir(exist_ok=True)
    subprocess.run(["cp", "-al", directory / "common", tree], check=True)
    (tree / "bin").mkdir(exist_ok=True)
    (tree / "bin" / "mill").write_text(f"{START}# {version.number}\n")
    (tree / "bin" / "mill").chmod(0o755)
    here = directory / version.number
    shutil.copytree(here / "ebin", tree / "lib" / f"mill-{version.number}" / "ebin")
    releases = tree / "releases" / version.number
    releases.mkdir(parents=True)
    shutil.copy(here / "mill.rel", releases / "mill.rel")
    shutil.copy(here / "mill.boot", releases / "start.boot")
    (releases / "sys.config").write_text("[].\n")
    (releases / "vm.args").write_text(f"-sname mill\n{version.vm_args}")
    return keep(store, tree, version.number, kind="command", name="mill").release
