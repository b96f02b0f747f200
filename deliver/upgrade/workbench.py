"""A place on a host where two releases live for the time of a rehearsal, as on any other host."""

from __future__ import annotations

import base64
import secrets
import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace

from deliver.build.plan import in_environment, location
from deliver.config.schema import Config, Environment, Host, Service, Value
from deliver.errors import DeliverError, NodeError
from deliver.node.call import evaluate
from deliver.node.control import start
from deliver.node.facts import gather
from deliver.otp.release import Release
from deliver.otp.upgrade import facts as tree_facts
from deliver.remote.connect import connect
from deliver.remote.script import Argument, Script, payload, script
from deliver.remote.session import Session
from deliver.report import Report
from deliver.secret import Secret
from deliver.ship.flow import Deployment, Request
from deliver.ship.plan import wrong_target
from deliver.ship.stream import Member, bytes_member, tar, text_member
from deliver.store.store import Store
from deliver.upgrade.keeper import kept

#: Our Erlang: what reads a release, and what goes into a node.
SOURCES = ("deliver_json", "deliver_read", "deliver_node", "deliver_relup", "deliver_word")
#: Those of them that go to hosts.
AGENT = ("deliver_json", "deliver_node", "deliver_relup")

#: Seconds for compiling our Erlang, and for reading one release.
PATIENCE = 120.0
#: Seconds within which a node must have begun anew.
BACK = 60.0
_NAME = "rehearsal"
#: Variables that say who a node is, or where it writes: a rehearsed one does not take them over.
_NODES_OWN = {"ERL_EPMD_PORT", "PIPE_DIR", "RELX_COOKIE", "RUNNER_LOG_DIR"} | {
    f"RELEASE_{name}" for name in ("COOKIE", "DISTRIBUTION", "NODE", "TMP")
}
#: Where free ports for an epmd are looked for.
_PORTS = range(20000, 30000)


@dataclass
class Workbench:
    """A rehearsal's directory, and a host that lives in it.

    Args:
        config: all of the configuration.
        store: has the releases.
        report: hears of the progress.
        session: to the host that the directory is on.
        place: the directory.
        beams: our compiled modules, by name.
        kind: of the releases: only the start scripts of `mix release` take any node name.
        on: whose surroundings the rehearsed nodes have, in an environment with only that host; None for the build host.
    """

    config: Config
    store: Store
    report: Report
    session: Session
    place: str
    beams: Mapping[str, bytes]
    kind: str = "mix"
    on: Environment | None = None
    environment: Environment = field(init=False)

    def __post_init__(self) -> None:
        around = self.on or Environment(_NAME, (self.config.build.host,))
        token = self.place.rpartition("/")[2]
        node = f"{self.config.app}_{token.rpartition('-')[2]}" if self.kind == "mix" else ""
        env = {name: value for name, value in around.hosts[0].env.items() if name not in _NODES_OWN} if self.on else {}
        # relx has its console below /tmp otherwise, by the name of the node.
        own = {"ERL_EPMD_PORT": str(secrets.choice(_PORTS)), "PIPE_DIR": f"{self.place}/pipe/"}
        env = {**env, **own, **self.config.rehearsal.env}
        host = replace(around.hosts[0], path=f"{self.place}/host", node=node, env=env, roles=())
        # A cookie of its own, too: a rehearsed node is no part of any cluster.
        cookie = Secret(secrets.token_hex(16))
        self.environment = replace(around, name=_NAME, hosts=(host,), service=Service(), cookie=cookie)

    @property
    def where(self) -> str:
        """What to call the host."""
        return self.session.name if self.on else "the build host"

    @property
    def host(self) -> Host:
        """The host that lives in the directory."""
        return self.environment.hosts[0]

    @property
    def root(self) -> str:
        """Where the releases are."""
        return f"{self.host.path}/{self.config.app}"

    @property
    def agent_beams(self) -> str:
        """The directory of our compiled modules there."""
        return f"{self.place}/beams"

    def unfit(self, release: Release) -> str:
        """Return why a release cannot boot there; nothing when it can."""
        return "; ".join(wrong_target(release, gather(self.session, self.host, self.config.app)))

    def install(self, release: Release) -> None:
        """Bring a release there, as to any host."""
        request = Request(release.version, self.environment, (self.host,))
        Deployment(self.config, self.store, _Quiet(self.report), request).run()

    def script(self, name: str, arguments: Mapping[str, Argument], *, parts: tuple[str, ...] = ()) -> Script:
        """Return a script that works on the two releases, in the environment that builds have if it is theirs."""
        made = script(name, arguments, parts=parts)
        return made if self.on else in_environment(self.config.build, made)

    def read(self, version: str) -> tree_facts.Facts:
        """Read what a release there holds.

        Raises:
            BuildError: our reader does not understand it.
        """
        arguments = {"beams": self.agent_beams, "root": self.root, "version": version}
        made = self.script("upgrade_read.sh", arguments, parts=("erlang.sh",))
        told = dict(self.session.run(made, deadline=PATIENCE).facts())
        return tree_facts.parse(told["release"][0])

    def boot(self, release: Release) -> None:
        """Make a release the permanent one, and boot it.

        Raises:
            NodeError: it does not boot.
        """
        request = Request(release.version, self.environment, (self.host,), start=True)
        Deployment(self.config, self.store, _Quiet(self.report), request).run()

    def start(self) -> str:
        """Boot what is permanent; return its version."""
        return start(self.session, self.host, self.environment, self.config.app).version

    def soft_restart(self) -> None:
        """Restart the node inside its process, and return when it has begun anew.

        Raises:
            NodeError: it has not within a minute.
        """
        self._ask("application:set_env(kernel, deliver_waits, true), init:restart()")
        ends = time.monotonic() + BACK
        while time.monotonic() < ends:
            with suppress(DeliverError):
                if "undefined" in self._ask("application:get_env(kernel, deliver_waits)"):
                    return
            time.sleep(0.1)
        raise NodeError(f"the node did not restart within {BACK:g} s")

    def kill(self) -> None:
        """Kill the node's process, and return when it is gone."""
        arguments = {"path": self.host.path, "app": self.config.app}
        self.session.run(script("rehearsal_kill.sh", arguments, parts=("node.sh",)))

    def _ask(self, expressions: str) -> str:
        return evaluate(self.session, self.host, self.config.app, expressions, language="erlang").value

    def probe(self, version: str, stage: str) -> str:
        """Run the user's probe; return what it said when it failed, else nothing.

        Args:
            version: that the node should run.
            stage: how it came to run it; the probe may expect other things of a fresh node than of an upgraded one.
        """
        command = self.config.rehearsal.probe
        if not command:
            return ""
        exports = "".join(f"export {name}={shlex.quote(_plain(value))}\n" for name, value in self.host.env.items())
        arguments = {"place": self.place, "command": command, "path": self.host.path, "app": self.config.app}
        arguments |= {"version": version, "stage": stage}
        inner = script("rehearsal_probe.sh", arguments, parts=("node.sh",))
        hidden = tuple(value for value in self.host.env.values() if isinstance(value, Secret))
        made = Script(inner.name, f"probe_environment() {{\n:\n{exports}}}\n{inner.text}", (*hidden, *inner.secrets))
        status, said = dict(self.session.run(made, deadline=PATIENCE).facts())["probe"]
        return "" if status == "0" else f"ended with {status}: {said}"


@contextmanager
def workbench(
    config: Config, store: Store, report: Report, kind: str, on: Environment | None = None
) -> Iterator[Workbench]:
    """Make a workbench; nothing of it is left behind.

    Args:
        config: all of the configuration.
        store: has the releases.
        report: hears of the progress.
        kind: of the releases; see `Workbench`.
        on: where, if not on the build host; see `Workbench`. Our Erlang is compiled on the build host all the same.

    Raises:
        UnreachableError: a host does not answer.
        RemoteError: our Erlang cannot be compiled, or the host has no place for a rehearsal.
    """
    build = config.build.host
    arguments: dict[str, Argument] = {"path": location(build), "app": config.app}
    with ExitStack() as stack:
        session = stack.enter_context(connect(build, config.ssh, report))
        beams = _compiled(config, session)
        if on is not None:
            # Beside the application's directory: what is in that belongs to its node.
            arguments |= {"path": on.hosts[0].path, "beside": "yes"}
            session = stack.enter_context(connect(on.hosts[0], config.ssh, report))
        token = f"{_NAME}-{secrets.token_hex(4)}"
        keeping = kept(on.hosts[0] if on else build, config.ssh, report, {**arguments, "token": token})
        place = stack.enter_context(keeping)
        content = tar(bytes_member(f"{name}.beam", data, 0o644) for name, data in beams.items())
        session.run(script("rehearsal_put.sh", {"place": place}), stdin=content)
        yield Workbench(config, store, report, session, place, beams, kind, on)


def _compiled(config: Config, session: Session) -> dict[str, bytes]:
    made = in_environment(config.build, script("upgrade_compile.sh", parts=("node.sh",)))
    told = session.run(made, stdin=tar(_sources()), deadline=PATIENCE).facts()
    return {values[0]: base64.b64decode(values[1]) for key, values in told if key == "beam"}


def _sources() -> Iterator[Member]:
    for name in SOURCES:
        yield text_member(f"{name}.erl", payload(f"{name}.erl"))


def _plain(value: Value) -> str:
    return value.reveal if isinstance(value, Secret) else value


@dataclass
class _Quiet:
    """A report that keeps the steps of shipping to a rehearsal to itself: it has a voice of its own."""

    report: Report

    def step(self, where: str, what: str) -> None:
        """Say nothing."""

    def warn(self, what: str) -> None:
        """Say nothing: what shipping warns of is about real hosts."""

    def progress(self, where: str, done: int, total: int) -> None:
        """Say nothing."""

    def log(self, where: str, text: bytes) -> None:
        """Keep what scripts say."""
        self.report.log(where, text)

    def script(self, where: str, name: str, shown: str) -> None:
        """Keep what runs."""
        self.report.script(where, name, shown)
