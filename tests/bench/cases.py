"""The cases: each brings the hosts to where it begins, and does the same work in both ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.bench import crowd, rolls, startup, store, upgrades, wire
from tests.bench.bench import (
    NODES,
    Bench,
    built,
    deploy,
    installed,
    plain_build,
    plain_deploy,
    plainly_built,
    ship,
    started,
)
from tests.bench.measure import Row


def build_cold(bench: Bench) -> Row:
    """Build the first version with nothing cached anywhere."""
    return _first_build(bench, "build, first", "0.1.0")


def build_cached(bench: Bench) -> Row:
    """Build the second version."""
    built(bench, "0.1.0")
    return _first_build(bench, "build, second version", "0.2.0")


def _first_build(bench: Bench, case: str, version: str) -> Row:
    ours = bench.meter.measure(lambda: bench.deliver("build-release", "--tag", f"v{version}"))
    bench.once(f"built {version}", lambda: None)
    plain = bench.meter.measure(lambda: plain_build(bench, version))
    bench.once(f"plain {version}", lambda: None)
    return Row(case, ours, plain)


def build_again(bench: Bench) -> Row:
    """Build what is in the store."""
    built(bench, "0.2.0")
    ours = bench.meter.measure(lambda: bench.deliver("build-release", "--tag", "v0.2.0"), runs=3)
    plain = bench.meter.measure(lambda: plain_build(bench, "0.2.0"))
    return Row("build, no change", ours, plain, "about a second, no network", ours.seconds < 1.5 and ours.network == 0)


def deploy_first(bench: Bench) -> Row:
    """Ship the first version to three empty hosts."""
    built(bench, "0.1.0")
    plainly_built(bench, "0.1.0")
    ours = deploy(bench, "0.1.0")
    plain = bench.meter.measure(lambda: plain_deploy(bench, "0.1.0"))
    return Row("deploy to three hosts, first", ours, plain)


def deploy_second(bench: Bench) -> Row:
    """Ship the second version to hosts that have the first."""
    first = deploy(bench, "0.1.0")
    built(bench, "0.2.0")
    plainly_built(bench, "0.2.0")
    ours = deploy(bench, "0.2.0")
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
    installed(bench, "0.2.0")
    ours = bench.meter.measure(lambda: ship(bench, "0.2.0"), runs=3)
    plainly_built(bench, "0.2.0")
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
    "build-upgrade": upgrades.build_upgrade,
    "hot-upgrade": upgrades.hot_upgrade,
    "hot-rollback": upgrades.hot_rollback,
    "connections": upgrades.connections,
    **rolls.CASES,
    **wire.CASES,
    **crowd.CASES,
    **store.CASES,
    **startup.CASES,
}


#: What takes minutes; it has to be asked for.
LONG = ("hundred-version", "hundred-ping", "hundred-upgrade")


def run(bench: Bench, names: list[str]) -> Iterator[Row]:
    """Yield the row of each case, in the order in which nothing is done before it is measured."""
    for name, case in CASES.items():
        if name in names:
            yield case(bench)


def _ask(bench: Bench, task: str, by_hand: str, wanted: str) -> Row:
    started(bench)
    ours = bench.meter.measure(lambda: bench.deliver(task, "--on", "production"), runs=5)

    def plain() -> None:
        for host in NODES:
            bench.ssh(host, f"/srv/counter/bin/counter {by_hand}")

    theirs = bench.meter.measure(plain, runs=3)
    met = theirs.seconds / ours.seconds > 10 if wanted else None
    return Row(f"{task} of three nodes", ours, theirs, wanted, met)
