"""The cases: each brings the hosts to where it begins, and does the same work in both ways."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.apps import make_repository
from tests.bench.measure import Figure, Meter, Row
from tests.hosts import Fleet

NODES = ("prod1", "prod2", "prod3")
PLAIN = "/srv/plain"


@dataclass
class Bench:
    """The hosts, a repository with two versions, and how an operator works on them.

    Args:
        fleet: a build host and three production hosts.
        directory: the operator's working directory.
    """

    fleet: Fleet
    directory: Path

    def __post_init__(self) -> None:
        self.repository = make_repository(self.directory / "counter", "counter").path
        (self.repository / "deliver.toml").write_text(_configuration(self.fleet))
        self.meter = Meter(self.fleet.link, {"DELIVER_CONFIG": ""}, self.repository)
        self._done: set[str] = set()

    def deliver(self, task: str, *options: str) -> None:
        """Run one task as an operator does."""
        self.meter.run(str(Path(sys.executable).with_name("deliver")), task, *options)

    def ssh(self, host: str, command: str) -> None:
        """Run a command on a host, the plain way."""
        self.meter.run("ssh", "-F", str(self.fleet.ssh_config), host, command)

    def copy(self, source: str, target: str) -> None:
        """Copy a file, the plain way."""
        self.meter.run("scp", "-q", "-F", str(self.fleet.ssh_config), source, target)

    def once(self, name: str, work: Callable[[], None]) -> None:
        """Do `work` unless an earlier case has done it."""
        if name not in self._done:
            work()
            self._done.add(name)


def _configuration(fleet: Fleet) -> str:
    return f"""app = "counter"
[ssh]
config = "{fleet.ssh_config}"
[build.host]
name = "build1"
path = "/srv/builds"
[environments.production]
path = "/srv"
hosts = {list(NODES)}
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


def build_cold(bench: Bench) -> Row:
    """Build the first version with nothing cached anywhere."""
    return _first_build(bench, "build, first", "0.1.0")


def build_cached(bench: Bench) -> Row:
    """Build the second version."""
    _built(bench, "0.1.0")
    return _first_build(bench, "build, second version", "0.2.0")


def _first_build(bench: Bench, case: str, version: str) -> Row:
    ours = bench.meter.measure(lambda: bench.deliver("build-release", "--tag", f"v{version}"))
    bench.once(f"built {version}", lambda: None)
    plain = bench.meter.measure(lambda: plain_build(bench, version))
    bench.once(f"plain {version}", lambda: None)
    return Row(case, ours, plain)


def build_again(bench: Bench) -> Row:
    """Build what is in the store."""
    _built(bench, "0.2.0")
    ours = bench.meter.measure(lambda: bench.deliver("build-release", "--tag", "v0.2.0"), runs=3)
    plain = bench.meter.measure(lambda: plain_build(bench, "0.2.0"))
    return Row("build, no change", ours, plain, "about a second, no network", ours.seconds < 1.5 and ours.network == 0)


def deploy_first(bench: Bench) -> Row:
    """Ship the first version to three empty hosts."""
    _built(bench, "0.1.0")
    _plainly_built(bench, "0.1.0")
    ours = _deploy(bench, "0.1.0")
    plain = bench.meter.measure(lambda: plain_deploy(bench, "0.1.0"))
    return Row("deploy to three hosts, first", ours, plain)


def deploy_second(bench: Bench) -> Row:
    """Ship the second version to hosts that have the first."""
    first = _deploy(bench, "0.1.0")
    _built(bench, "0.2.0")
    _plainly_built(bench, "0.2.0")
    ours = _deploy(bench, "0.2.0")
    plain = bench.meter.measure(lambda: plain_deploy(bench, "0.2.0"))
    share = ours.network / first.network
    return Row(
        "deploy to three hosts, second version",
        ours,
        plain,
        f"under 1% of the first's bytes ({share:.2%})",
        share < 0.01,
    )


def deploy_again(bench: Bench) -> Row:
    """Ship what the hosts have."""
    _installed(bench, "0.2.0")
    ours = bench.meter.measure(lambda: _ship(bench, "0.2.0"), runs=3)
    _plainly_built(bench, "0.2.0")
    plain = bench.meter.measure(lambda: plain_deploy(bench, "0.2.0"))
    return Row("deploy to three hosts, no change", ours, plain)


def version(bench: Bench) -> Row:
    """Ask three nodes for their version."""
    return _ask(bench, "version", "rpc 'IO.puts(Application.spec(:counter, :vsn))'", "a tenth of the time")


def ping(bench: Bench) -> Row:
    """Ask three nodes whether they are there."""
    return _ask(bench, "ping", "pid", "")


CASES: dict[str, Callable[[Bench], Row]] = {
    "build-first": build_cold,
    "build-second": build_cached,
    "build-again": build_again,
    "deploy-first": deploy_first,
    "deploy-second": deploy_second,
    "deploy-again": deploy_again,
    "version": version,
    "ping": ping,
}


def run(bench: Bench, names: list[str]) -> Iterator[Row]:
    """Yield the row of each case, in the order in which nothing is done before it is measured."""
    for name, case in CASES.items():
        if name in names:
            yield case(bench)


def _ask(bench: Bench, task: str, by_hand: str, wanted: str) -> Row:
    _started(bench)
    ours = bench.meter.measure(lambda: bench.deliver(task, "--on", "production"), runs=5)

    def plain() -> None:
        for host in NODES:
            bench.ssh(host, f"/srv/counter/bin/counter {by_hand}")

    theirs = bench.meter.measure(plain, runs=3)
    met = theirs.seconds / ours.seconds > 10 if wanted else None
    return Row(f"{task} of three nodes", ours, theirs, wanted, met)


def _built(bench: Bench, version: str) -> None:
    bench.once(f"built {version}", lambda: bench.deliver("build-release", "--tag", f"v{version}"))


def _plainly_built(bench: Bench, version: str) -> None:
    bench.once(f"plain {version}", lambda: plain_build(bench, version))


def _ship(bench: Bench, version: str) -> None:
    bench.deliver("deploy-release", "--version", version, "--to", "production")


def _deploy(bench: Bench, version: str) -> Figure:
    """Return what a deploy cost that had something to do; the first one also when it was done before."""
    kept = bench.directory / f"deployed-{version}"
    if kept.exists():
        seconds, _, network_bytes = kept.read_text().partition(" ")
        return Figure(float(seconds), int(network_bytes))
    _built(bench, version)
    figure = bench.meter.measure(lambda: _ship(bench, version))
    kept.write_text(f"{figure.seconds} {figure.network}")
    return figure


def _installed(bench: Bench, version: str) -> None:
    _deploy(bench, "0.1.0")
    _deploy(bench, version)


def _started(bench: Bench) -> None:
    _deploy(bench, "0.1.0")
    bench.once("started", lambda: bench.deliver("start", "--on", "production"))
