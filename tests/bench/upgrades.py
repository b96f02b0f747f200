"""The cases of upgrade pairs: made, installed on running nodes, and what open connections notice of it."""

from __future__ import annotations

from tests.bench.bench import NODES, Bench, built, plain_build, started
from tests.bench.measure import Row
from tests.upgrade.callers import Callers

#: A rehearsal boots both releases, restarts the one inside its process, and boots it after a kill.
BOOTS = 4
CONNECTIONS = 1000
_INSTALL = (
    '{{:ok, _, _}} = :release_handler.install_release(~c"{0}", [update_paths: true]); '
    ':ok = :release_handler.make_permanent(~c"{0}")'
)


def build_upgrade(bench: Bench) -> Row:
    """Make the pair when the store has the old release: beside one build by hand and the boots that proof needs."""
    built(bench, "0.1.0")
    ours = bench.meter.measure(lambda: bench.deliver("build-upgrade", "--from", "0.1.0", "--to", "0.3.0"))

    def plain() -> None:
        plain_build(bench, "0.3.0")
        for _ in range(BOOTS):
            _boot_by_hand(bench)

    theirs = bench.meter.measure(plain)
    return Row(
        "build-upgrade, rehearsed", ours, theirs, "within twice the plain way", ours.seconds < 2 * theirs.seconds
    )


def _boot_by_hand(bench: Bench) -> None:
    program = "/srv/plain/work/_build/prod/rel/counter/bin/counter"
    ready = f"until {program} pid >/dev/null 2>&1; do sleep 0.05; done"
    # Its answer to being stopped is often lost.
    steps = f"{program} daemon && {ready}; {program} stop >/dev/null 2>&1; while pidof beam.smp; do sleep 0.05; done"
    bench.ssh("build1", f"export PORT=4991 RELEASE_NODE=by_hand; {steps}")


def hot_upgrade(bench: Bench) -> Row:
    """Upgrade three running nodes with every check: beside bare calls of release_handler."""
    _paired(bench)
    started(bench)
    _up(bench)
    ours = bench.meter.measure(lambda: _up(bench), runs=3, before=lambda: _down(bench))
    nodes = _changing(bench)
    theirs = bench.meter.measure(lambda: _by_hand(bench, "0.2.0"), before=lambda: _by_hand(bench, "0.1.0"))
    wanted = f"half a second ({nodes:.2f} s of it from the first node's change to the last one's end)"
    return Row("upgrade of three nodes", ours, theirs, wanted, ours.seconds < 0.5)


def hot_rollback(bench: Bench) -> Row:
    """Take three running nodes back by a whole roll, with its journals: beside bare calls of release_handler."""
    _paired(bench)
    started(bench)
    ours = bench.meter.measure(lambda: _down(bench), runs=3, before=lambda: _up(bench))
    theirs = bench.meter.measure(lambda: _by_hand(bench, "0.1.0"), before=lambda: _by_hand(bench, "0.2.0"))
    return Row("rollback of three nodes", ours, theirs)


def _up(bench: Bench) -> None:
    bench.deliver("deploy-upgrade", "--version", "0.2.0", "--to", "production", "--probation", "0")


def _down(bench: Bench) -> None:
    bench.deliver("rollback", "--on", "production", "--version", "0.1.0", "--probation", "0", "--yes")


def _by_hand(bench: Bench, version: str) -> None:
    for host in NODES:
        bench.ssh(host, f"/srv/counter/bin/counter rpc '{_INSTALL.format(version)}'")


def _changing(bench: Bench) -> float:
    """Return how many seconds went from the first node's change to the last one's end, by the last command's log."""
    log = max((bench.repository / ".deliver/logs").glob("*.deploy-upgrade.*"))
    lines = [line.split(maxsplit=2) for line in log.read_text().splitlines()]
    times = [_seconds(at) for at, _, text in lines if text.startswith(("runs ask.sh", "upgraded from"))]
    return (times[-1] - times[0]) % 86400


def _seconds(clock: str) -> float:
    hours, minutes, seconds = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _paired(bench: Bench) -> None:
    bench.once("pair", lambda: bench.deliver("build-upgrade", "--from", "0.1.0", "--to", "0.2.0"))


def connections(bench: Bench) -> Row:
    """Upgrade a server with a thousand open connections: beside a restart, which loses them all."""
    hotline = Bench(bench.fleet, bench.directory / "hotline", "hotline", ("prod1",))
    hotline.deliver("build-upgrade", "--from", "0.1.0", "--to", "0.2.0")
    hotline.deliver("deploy-release", "--version", "0.1.0", "--to", "production", "--start")
    callers = Callers(bench.fleet["prod1"].address, 4200, CONNECTIONS)
    callers.round()
    ours = hotline.meter.measure(
        lambda: hotline.deliver("deploy-upgrade", "--version", "0.2.0", "--to", "production", "--probation", "0")
    )
    kept = CONNECTIONS - callers.round().get("lost", 0)
    theirs = hotline.meter.measure(lambda: hotline.deliver("restart", "--on", "production"))
    lost = callers.round().get("lost", 0)
    callers.close()
    hotline.deliver("stop", "--on", "production")
    wanted = f"all {CONNECTIONS} connections kept ({kept}; a restart loses {lost})"
    return Row("upgrade under 1,000 connections", ours, theirs, wanted, kept == CONNECTIONS)
