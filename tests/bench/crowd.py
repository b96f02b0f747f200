"""The cases of many hosts: ten behind one slow uplink, and a hundred that are asked and upgraded."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.bench import Bench
from tests.bench.measure import Figure, Meter, Row
from tests.bench.wire import Shop, configuration
from tests.hosts import Fleet
from tests.hosts.agent import agent
from tests.upgrade.desk import Desk
from tests.upgrade.mill import Version
from tests.upgrade.works import Works

HUNDRED = tuple(f"n{number}" for number in range(1, 101))
TEN = HUNDRED[:10]
#: The uplink, in bits per second.
UPLINK = 100_000_000
#: How many times the time of the bytes alone may pass.
MOST = 1.2
#: Bytes of memory, and threads, that a command may have for a hundred hosts.
MEMORY, THREADS = 250_000_000, 500
#: What passes for a tenth of the bytes: each login is some, too.
TENTH = 0.15
#: On so many of them the plain way is measured, for all.
SAMPLE = 10


@dataclass
class Crowd:
    """A hundred hosts with a sshd each.

    Args:
        fleet: the hosts.
        meter: measures what goes to them.
    """

    fleet: Fleet
    meter: Meter

    @classmethod
    def of(cls, bench: Bench) -> Crowd:
        """Return the hosts, which are made for the first case that wants them."""

        def make() -> Crowd:
            fleet = bench.stack.enter_context(Fleet(HUNDRED, name="bench, a hundred"))
            return cls(fleet, Meter(fleet.link, {"DELIVER_CONFIG": ""}, bench.directory))

        return bench.kept("crowd", make)

    @contextmanager
    def slow_uplink(self) -> Iterator[None]:
        """For a while, what goes to all hosts together goes at the rate of one uplink."""
        rate = ("tbf", "rate", str(UPLINK), "burst", "128kb", "latency", "100ms")
        subprocess.run(["tc", "qdisc", "add", "dev", self.fleet.link, "root", *rate], check=True)
        try:
            yield
        finally:
            subprocess.run(["tc", "qdisc", "del", "dev", self.fleet.link, "root"], check=True)

    def everywhere(self, hosts: Sequence[str], command: str, source: Path | None = None) -> None:
        """Run a command on hosts at once, the plain way."""
        with ExitStack() as files:
            running = [
                subprocess.Popen(
                    ["ssh", "-F", str(self.fleet.ssh_config), host, command],
                    stdin=files.enter_context((source or Path("/dev/null")).open("rb")),
                    stdout=subprocess.DEVNULL,
                )
                for host in hosts
            ]
        assert [one.wait() for one in running] == [0] * len(hosts)


def ten_first(bench: Bench) -> Row:
    """Bring a first version to ten hosts over one uplink: beside ten times `ssh host tar -x` at once."""
    crowd, shop = Crowd.of(bench), bench.kept("shop", lambda: Shop(bench))
    config = shop.directory / "ten.toml"
    config.write_text(configuration(crowd.fleet, TEN))
    store = f"store={shop.repository / '.deliver/store'}"
    words = ("--config", str(config), "--set", store, "--version", "0.1.0", "--to", "production")
    with crowd.slow_uplink():
        ours = crowd.meter.measure(lambda: shop.deliver("deploy-release", *words))
        unpack = "mkdir -p /srv/plain && tar -xzf - -C /srv/plain"
        plain = crowd.meter.measure(lambda: crowd.everywhere(TEN, unpack, shop.directory / "0.1.0.tar.gz"))
    limit = ours.network * 8 / UPLINK
    wanted = f"at most {MOST}x the time of its bytes ({ours.seconds / limit:.2f}x of {limit:.1f} s)"
    return Row("first version to ten hosts at 100 Mbit/s", ours, plain, wanted, ours.seconds <= MOST * limit)


def ten_via(bench: Bench) -> Row:
    """Bring a first version to the first of ten hosts, which brings it to the others: beside bringing it to each."""
    crowd, shop = Crowd.of(bench), bench.kept("shop", lambda: Shop(bench))
    config = shop.directory / "ten.toml"
    store = f"store={shop.repository / '.deliver/store'}"
    words = ("--config", str(config), "--set", store, "--version", "0.1.0", "--to", "production")

    def bring(via: str) -> Figure:
        text = configuration(crowd.fleet, TEN).replace("[ssh]", "[ssh]\nforward_agent = true")
        config.write_text(f'{text}push = {{ via = "{via}" }}\n')
        for name in TEN:
            crowd.fleet[name].wipe()
        return crowd.meter.measure(lambda: shop.deliver("deploy-release", *words))

    with crowd.slow_uplink(), agent(crowd.fleet.identity):
        ours, plain = bring("first"), bring("none")
    share = ours.network / plain.network
    return Row("the same by way of the first", ours, plain, f"a tenth of the bytes ({share:.2f})", share < TENTH)


def _desk(bench: Bench) -> Desk:
    def make() -> Desk:
        works = Works.make(bench.directory / "hundred", [Version("0.1.0"), Version("0.2.0")], [("0.1.0", "0.2.0")])
        works.pair("0.1.0", "0.2.0")
        directory = bench.directory / "desk of a hundred"
        directory.mkdir()
        desk = Desk(directory, Crowd.of(bench).fleet, "mill", 4200, works.store, HUNDRED)
        desk.write_config()
        desk.start("0.1.0")
        return desk

    return bench.kept("hundred", make)


@dataclass
class Sized:
    """What a command took: seconds, and at most so many bytes of memory and threads."""

    seconds: float
    memory: int
    threads: int


def _sized(desk: Desk, *words: str) -> Sized:
    argv = [str(Path(sys.executable).with_name("deliver")), *words]
    began, memory, threads = time.perf_counter(), 0, 0
    process = subprocess.Popen(argv, cwd=desk.path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        lines = dict(line.partition(":")[::2] for line in status.read_text().splitlines())
        memory = max(memory, int(lines.get("VmHWM", "0").split()[0]) * 1000)
        threads = max(threads, int(lines.get("Threads", "0")))
        time.sleep(0.02)
    assert process.returncode == 0, process.stderr and process.stderr.read()
    return Sized(time.perf_counter() - began, memory, threads)


def _row(case: str, took: Sized, plain: Figure) -> Row:
    wanted = f"at most {MEMORY / 1e6:.0f} MB and {THREADS} threads ({took.memory / 1e6:.0f} MB, {took.threads} threads)"
    return Row(case, Figure(took.seconds), plain, wanted, took.memory <= MEMORY and took.threads <= THREADS)


def hundred_version(bench: Bench) -> Row:
    """Ask a hundred nodes which version they run: beside a hundred times `ssh host true`, at once."""
    return _asked(bench, "version")


def hundred_ping(bench: Bench) -> Row:
    """Ask a hundred nodes whether they answer: beside the same."""
    return _asked(bench, "ping")


def _asked(bench: Bench, task: str) -> Row:
    desk, crowd = _desk(bench), Crowd.of(bench)
    took = _sized(desk, task, "--on", "production")
    return _row(f"{task} of a hundred", took, crowd.meter.measure(lambda: crowd.everywhere(HUNDRED, "true")))


def hundred_upgrade(bench: Bench) -> Row:
    """Upgrade a hundred nodes while they run, one after the other: beside restarts by hand, of ten and times ten."""
    desk, crowd = _desk(bench), Crowd.of(bench)
    took = _sized(desk, "deploy-upgrade", "--version", "0.2.0", "--to", "production", "--probation", "0")
    restart = "kill $(pidof beam.smp); while pidof beam.smp >/dev/null; do sleep 0.05; done; /srv/mill/bin/mill daemon"

    def plain() -> None:
        for host in HUNDRED[:SAMPLE]:
            crowd.everywhere([host], restart)

    some = crowd.meter.measure(plain)
    return _row("hot upgrade of a hundred", took, Figure(some.seconds * len(HUNDRED) / SAMPLE))


CASES: dict[str, Callable[[Bench], Row]] = {
    "ten-first": ten_first,
    "ten-via": ten_via,
    "hundred-version": hundred_version,
    "hundred-ping": hundred_ping,
    "hundred-upgrade": hundred_upgrade,
}
