"""The cases of rolls: five hosts behind a HAProxy, under load; the plain way is a shell loop from host to host."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from tests.bench.measure import Figure, Row
from tests.hosts import Fleet
from tests.rollout.bench import POLICIES, SIZES, growth, pool, roll
from tests.rollout.load import Load
from tests.rollout.street import Street, versions
from tests.upgrade.desk import Done
from tests.upgrade.works import Works

if TYPE_CHECKING:
    from tests.bench.bench import Bench

HOSTS = ("web1", "web2", "web3", "web4", "web5")
BALANCER = "lb1"
CONNECTIONS = 1000
_STOP = "kill -TERM $(pidof beam.smp); while pidof beam.smp >/dev/null; do sleep 0.05; done"
_START = "/srv/mill/bin/mill daemon"


def make(fleet: Fleet, directory: Path) -> tuple[Street, Works]:
    """Build the kiosk, prove its upgrade, and start the balancer."""
    directory.mkdir()
    works = Works.make(directory / "works", versions(), [("0.1.0", "0.2.0")])
    works.pair("0.1.0", "0.2.0")
    return Street.make(directory, fleet, works, HOSTS, BALANCER), works


def rolling_restart(bench: Bench) -> Row:
    """Restart five nodes in three batches: beside stopping and starting one after the other."""
    street, _ = bench.street
    street.serve("0.1.0")
    ours = _watched(street, lambda: street.desk.deliver("rolling-restart", "--on", "production", "--yes"))
    plain = _watched(street, lambda: _by_hand(bench, lambda _: f"{_STOP}; {_START}"))
    return _row("rolling restart of five nodes", ours, plain)


def rolling_release(bench: Bench) -> Row:
    """Bring five nodes to the next version by restarts: beside unpacking it and restarting, host after host."""
    street, works = bench.street
    street.serve("0.1.0")
    ours = _watched(street, lambda: street.desk.release("0.2.0", "--strategy", "restart"))
    street.serve("0.1.0")
    archive = works.config.file.parent / "0.2.0.tar.gz"
    tree = works.config.file.parent / "trees/0.2.0"
    bench.meter.run("tar", "-czf", str(archive), "-C", str(tree), ".")

    def steps(host: str) -> str:
        bench.copy(str(archive), f"{host}:/srv/release.tar.gz")
        unpack = "tar -xzf /srv/release.tar.gz -C /srv/mill && sed -i 's/ .*/ 0.2.0/' /srv/mill/releases/start_erl.data"
        return f"{unpack} && {_STOP}; {_START}"

    plain = _watched(street, lambda: _by_hand(bench, steps))
    return _row("release to five nodes by restarts", ours, plain)


def hot_release(bench: Bench) -> Row:
    """Bring five nodes to the next version while they run, under open connections: beside restarts by hand."""
    street, _ = bench.street
    street.serve("0.1.0")
    callers = street.callers(CONNECTIONS)
    callers.round()
    with _pauses(street) as pauses:
        ours = _watched(street, lambda: street.desk.release("0.2.0"))
    kept = CONNECTIONS - callers.round().get("lost", 0)
    plain = _watched(street, lambda: _by_hand(bench, lambda _: f"{_STOP}; {_START}"))
    lost = callers.round().get("lost", 0)
    callers.close()
    handler = max(row["milliseconds"] for row in ours.done.document["hosts"])
    more = (
        f"all {CONNECTIONS} connections kept ({kept}; plain loses {lost}), one waited {max(pauses):.2f} s at most, "
        f"release_handler {handler} ms"
    )
    return _row("hot release to five nodes", ours, plain, more, met=kept == CONNECTIONS)


@dataclass(frozen=True)
class _Watched:
    """What was done under load.

    Args:
        seconds: that it took.
        load: who asked meanwhile.
        done: what our command said; nothing for the plain way.
    """

    seconds: float
    load: Load
    done: Done = field(default_factory=lambda: Done(0, "", {}))


def _watched(street: Street, work: Callable[[], Done | None]) -> _Watched:
    with street.load() as load:
        began = time.perf_counter()
        done = work() or Done(0, "", {})
        seconds = time.perf_counter() - began
        # Until the last node that was started by hand serves again.
        street.settle()
    if done.code:
        raise SystemExit(f"bench: it failed:\n{done.told}")
    return _Watched(seconds, load, done)


def _by_hand(bench: Bench, steps: Callable[[str], str]) -> None:
    for host in HOSTS:
        bench.ssh(host, steps(host))


@contextmanager
def _pauses(street: Street) -> Iterator[list[float]]:
    """Yield how long rounds of one open connection to each host took meanwhile."""
    few, over, took = street.callers(len(HOSTS)), Event(), [0.0]

    def watch() -> None:
        while not over.is_set():
            began = time.perf_counter()
            few.round()
            took.append(time.perf_counter() - began)

    thread = Thread(target=watch)
    thread.start()
    try:
        yield took
    finally:
        over.set()
        thread.join()
        few.close()


def _row(case: str, ours: _Watched, plain: _Watched, more: str = "", *, met: bool = True) -> Row:
    gaps = [float(one) for one in re.findall(r"out of service for ([\d.]+) s", ours.done.told)]
    told = [f"no request failed ({_told(ours.load)}; plain {_told(plain.load)})", more]
    told += [f"a host is out for {max(gaps):.1f} s at most"] if gaps else []
    met = met and ours.load.failed == 0
    return Row(case, Figure(ours.seconds), Figure(plain.seconds), ", ".join(filter(None, told)), met)


def _told(load: Load) -> str:
    return f"{load.failed} of {load.total}, slowest {load.longest:.2f} s"


def overhead(bench: Bench) -> Row:
    """Take a thousand simulated hosts through a roll: beside as many calls of nothing in threads."""
    hosts, rolling = SIZES[-1], POLICIES["canary, then quarters"]
    ours = bench.meter.measure(lambda: roll(hosts, rolling), runs=5)
    theirs = bench.meter.measure(lambda: pool(hosts), runs=5)
    growths = [growth(policy) for policy in POLICIES.values()]
    each, times = max(cost for cost, _ in growths) * 1000, max(ratio for _, ratio in growths)
    wanted = f"linear, under 1 ms for each ({each:.2f} ms, {times:.2f} times that of a hundred)"
    return Row("roll of 1,000 simulated hosts", ours, theirs, wanted, each < 1 and times < 2)


#: By the names on the command line.
CASES: dict[str, Callable[[Bench], Row]] = {
    "roll": overhead,
    "rolling-restart": rolling_restart,
    "rolling-release": rolling_release,
    "hot-release": hot_release,
}
