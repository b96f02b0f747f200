"""Versions of the mill, good and bad ones, and the pairs between them, rehearsed while the first tests run."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from deliver.config.schema import LOCAL, Build, Config, Host, Rehearsal
from deliver.node.agent import Agent
from deliver.otp.release import Release
from deliver.otp.upgrade.facts import Facts
from deliver.otp.upgrade.pair import Pair
from deliver.otp.upgrade.plan import make_plan
from deliver.otp.upgrade.relup import render
from deliver.otp.upgrade.snapshot import Snapshot
from deliver.store.store import Store
from deliver.upgrade.flow import Request, _keep, _record, build_upgrade
from deliver.upgrade.rehearse import Rehearsed, _kept
from deliver.upgrade.workbench import AGENT, Workbench, workbench
from tests.build.workshop import Story
from tests.ports import own_ports
from tests.upgrade.mill import Version, changed, forge

#: Whether a node is past its boot: what is started then is started by an upgrade.
_HOT = "init:get_status() =:= {started, started}"
_CODE_CHANGE = "\ncode_change(_, State, _) -> {}.\n"

#: One with a child more.
CHILDREN = ("[mill, mill_door]", "[mill, mill_door, mill_more]")
MORE = """
-module(mill_more).
-export([start_link/0, init/0]).
start_link() -> proc_lib:start_link(?MODULE, init, []).
init() -> false = FAILS, proc_lib:init_ack({ok, self()}), receive stop -> ok end.
"""

#: Files on a host that make a version go wrong there.
BAD, ODD, WORSE = "/srv/bad", "/srv/odd", "/srv/worse"

#: Its state gets another shape on an odd host, and on a worse one there is no way back from that.
_ODDLY = f"""
code_change({{down, _}}, {{mill, Turns, odd}}, _) ->
    false = filelib:is_file("{WORSE}"),
    {{ok, {{mill, Turns}}}};
code_change({{down, _}}, State, _) ->
    {{ok, State}};
code_change(_, {{mill, Turns}} = State, _) ->
    {{ok, case filelib:is_file("{ODD}") of true -> {{mill, Turns, odd}}; false -> State end}}.
"""

_NATIVE = f"""
-module(mill_native).
-export([load/0, one/0]).
-on_load(load/0).
load() -> case {_HOT} of true -> {{error, too_late}}; false -> ok end.
one() -> 1.
"""


def _child(fails: str) -> dict[str, str]:
    return changed("mill_sup", CHILDREN) | {"mill_more": MORE.replace("FAILS", fails)}


VERSIONS = (
    *(Version(f"0.1.{number}") for number in range(11)),
    Version("0.2.0"),
    Version("0.3.0", _child("false")),
    # What can only be restarted into.
    Version("0.4.0", vm_args="+P 100000\n"),
    # What goes well, but on some hosts.
    Version("0.5.0", _child(f'{_HOT} andalso filelib:is_file("{BAD}")')),
    Version("0.6.0", changed("mill", more=_ODDLY)),
    # Nobody ever made a pair of it.
    Version("0.7.0"),
    # What goes wrong everywhere, each in its own way; booted afresh, all of them are well.
    Version("1.1.0", changed("mill", more=_CODE_CHANGE.format("error(no_way)"))),
    Version("1.2.0", changed("mill", more=_CODE_CHANGE.format("State"))),
    Version("1.3.0", changed("mill", more=_CODE_CHANGE.format("timer:sleep(infinity), {ok, State}"))),
    Version("1.4.0", _child(_HOT)),
    Version(
        "1.5.0",
        changed("mill", ("{ok, {mill, 0}}", "{ok, {mill, 0, new}}"), more=_CODE_CHANGE.format("{ok, State}")),
    ),
    Version(
        "1.6.0",
        {"mill_native": _NATIVE, **changed("mill", ('sound() -> "', 'sound() -> 1 = mill_native:one(), "'))},
    ),
)

#: Each leads to the next one, and no further.
CHAIN = tuple(f"0.1.{number}" for number in range(11))

PAIRS = (
    *(("0.1.0", new) for new in ("0.2.0", "0.3.0", "0.4.0", "0.5.0", "0.6.0")),
    ("0.2.0", "0.3.0"),
    *(("0.1.0", new) for new in ("1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0", "1.6.0")),
)


@dataclass
class Works:
    """Releases of the mill in a store, and the way to pairs between them."""

    config: Config
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2))
    _pairs: dict[tuple[str, str], Future[Pair]] = field(default_factory=dict)

    @classmethod
    def make(
        cls,
        directory: Path,
        versions: Iterable[Version] = VERSIONS,
        pairs: Iterable[tuple[str, str]] = PAIRS,
    ) -> Works:
        """Build the versions, and begin to make the pairs."""
        build = Build(host=Host(LOCAL, path=str(directory / "build host")))
        store = directory / "store"
        config = Config(directory / "deliver.toml", "mill", directory, store=store, build=build)
        forge(directory, Store(store), versions)
        works = cls(config)
        for pair in pairs:
            works._pairs[pair] = works.pool.submit(works.rehearse, *pair)
        return works

    @property
    def store(self) -> Store:
        """Where all of it is."""
        return Store(self.config.store)

    def rehearse(self, old: str, new: str) -> Pair:
        """Make a pair, with ports of its own."""
        config = replace(self.config, rehearsal=Rehearsal(env=own_ports()))
        return build_upgrade(config, self.store, Story(), Request(old, new)).pair

    def link(self, versions: Iterable[str] = CHAIN) -> None:
        """Make the pairs of a chain: of real releases, each booted once, by the real planner, and not rehearsed."""
        config = replace(self.config, rehearsal=Rehearsal(env=own_ports()))
        releases = [self.store.find("mill", version) for version in versions]
        with workbench(config, self.store, Story(), "command") as bench:
            known = [_known(bench, release) for release in releases]
            for (old, old_facts, old_node), (new, new_facts, new_node) in pairwise(known):
                plan = make_plan(old_facts, new_facts, old_node, new_node)
                files = {
                    "relup": render(plan).encode(),
                    **{f"{name}.beam": bench.beams[name] for name in AGENT},
                    "from.json": _kept(old_node),
                    "to.json": _kept(new_node),
                }
                rehearsed = Rehearsed("hot", files=files, plan=plan)
                _keep(self.store, _record(old, new, rehearsed, 0.0), rehearsed)

    def pair(self, old: str, new: str) -> Pair:
        """Return a pair, as soon as it has been made."""
        return self._pairs[old, new].result(timeout=300)


def _known(bench: Workbench, release: Release) -> tuple[Release, Facts, Snapshot]:
    bench.install(release)
    bench.boot(release)
    agent = Agent(bench.session, bench.host, bench.config.app, bench.agent_beams)
    return release, bench.read(release.version), agent.snapshot("salt")
