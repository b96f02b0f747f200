"""What the cases work with: hosts, a repository, and the plain way of doing things."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from tests.apps import make_repository
from tests.bench import rolls
from tests.bench.measure import Figure, Meter
from tests.hosts import Fleet
from tests.rollout.street import Street
from tests.upgrade.works import Works

T = TypeVar("T")

NODES = ("prod1", "prod2", "prod3")
VERSIONS = ("v0.1.0", "v0.2.0", "v0.3.0")
PLAIN = "/srv/plain"


@dataclass
class Bench:
    """The hosts, a repository with two versions, and how an operator works on them.

    Args:
        fleet: a build host, three production hosts, and those of `rolls`.
        directory: the operator's working directory.
        app: one of the applications of the tests.
        nodes: where it runs.
        stack: takes away, in the end, what a case has made for others too.
    """

    fleet: Fleet
    directory: Path
    app: str = "counter"
    nodes: Sequence[str] = NODES
    stack: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.repository = make_repository(self.directory / self.app, self.app, VERSIONS).path
        (self.repository / "deliver.toml").write_text(_configuration(self))
        self.meter = Meter(self.fleet.link, {"DELIVER_CONFIG": ""}, self.repository)
        self._done: set[str] = set()
        self._kept: dict[str, object] = {}

    @cached_property
    def street(self) -> tuple[Street, Works]:
        """Five hosts behind a balancer, and what is built for them."""
        return rolls.make(self.fleet, self.directory / "street")

    def deliver(self, task: str, *options: str) -> None:
        """Run one task as an operator does."""
        self.meter.run(str(Path(sys.executable).with_name("deliver")), task, *options)

    def ssh(self, host: str, command: str) -> None:
        """Run a command on a host, the plain way."""
        self.meter.run("ssh", "-F", str(self.fleet.ssh_config), host, command)

    def copy(self, source: str, target: str) -> None:
        """Copy a file, the plain way."""
        self.meter.run("scp", "-q", "-F", str(self.fleet.ssh_config), source, target)

    def kept(self, name: str, make: Callable[[], T]) -> T:
        """Return what `make` made for the first case that asked."""
        if name not in self._kept:
            self._kept[name] = make()
        made: T = self._kept[name]  # type: ignore[assignment]  # a name stands for one kind of thing
        return made

    def once(self, name: str, work: Callable[[], None]) -> None:
        """Do `work` unless an earlier case has done it."""
        if name not in self._done:
            work()
            self._done.add(name)


def _configuration(bench: Bench) -> str:
    return f"""app = "{bench.app}"
[ssh]
config = "{bench.fleet.ssh_config}"
[build.host]
name = "build1"
path = "/srv/builds"
[rehearsal]
env = {{ PORT = "4991" }}
[environments.production]
rolling = {{ min_healthy = 0 }}
path = "/srv"
hosts = {list(bench.nodes)}
"""


def plain_build(bench: Bench, version: str) -> None:
    """Push, clone, build, pack and fetch, as one would by hand."""
    config = f"ssh -F {bench.fleet.ssh_config}"
    bench.ssh("build1", f"mkdir -p {PLAIN} && git init -q --bare {PLAIN}/app.git")
    push = ["git", "-c", f"core.sshCommand={config}", "push", "-q", f"build1:{PLAIN}/app.git", f"v{version}"]
    bench.meter.run(*push)
    steps = (
        f"cd {PLAIN} && rm -rf work && git clone -q --branch v{version} app.git work 2>/dev/null && cd work && "
        "export MIX_ENV=prod && mix deps.get && mix compile && mix release --overwrite && "
        f"tar -czf {PLAIN}/{version}.tar.gz -C _build/prod/rel/counter ."
    )
    bench.ssh("build1", steps)
    bench.copy(f"build1:{PLAIN}/{version}.tar.gz", str(bench.directory))


def plain_deploy(bench: Bench, version: str) -> None:
    """Copy the archive to host after host, and unpack it there."""
    for host in NODES:
        bench.ssh(host, f"mkdir -p {PLAIN}/counter")
        bench.copy(str(bench.directory / f"{version}.tar.gz"), f"{host}:{PLAIN}/release.tar.gz")
        bench.ssh(host, f"tar -xzf {PLAIN}/release.tar.gz -C {PLAIN}/counter && rm {PLAIN}/release.tar.gz")


def built(bench: Bench, version: str) -> None:
    bench.once(f"built {version}", lambda: bench.deliver("build-release", "--tag", f"v{version}"))


def plainly_built(bench: Bench, version: str) -> None:
    bench.once(f"plain {version}", lambda: plain_build(bench, version))


def ship(bench: Bench, version: str) -> None:
    bench.deliver("deploy-release", "--version", version, "--to", "production")


def deploy(bench: Bench, version: str) -> Figure:
    """Return what a deploy cost that had something to do; the first one also when it was done before."""
    kept = bench.directory / f"deployed-{version}"
    if kept.exists():
        seconds, _, network_bytes = kept.read_text().partition(" ")
        return Figure(float(seconds), int(network_bytes))
    built(bench, version)
    figure = bench.meter.measure(lambda: ship(bench, version))
    kept.write_text(f"{figure.seconds} {figure.network}")
    return figure


def installed(bench: Bench, version: str) -> None:
    deploy(bench, "0.1.0")
    deploy(bench, version)


def started(bench: Bench) -> None:
    deploy(bench, "0.1.0")
    bench.once("started", lambda: bench.deliver("start", "--on", "production"))
