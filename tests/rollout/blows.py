"""Blows that fall on a roll at an exact step of it, and what is true of its hosts then."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.rollout import mills
from tests.upgrade.desk import ALL, Desk, Done, wait_until

GATE = Path(__file__).with_name("gate.sh")
#: Where it is on hosts, and what tells there that the host is out of service.
THERE = "/srv/gate"
DRAINED = f"{THERE}/drained"

#: Finds locks whose owner, `owner.PID.BIRTH...`, is alive: one that the power was cut for keeps nobody out.
OWNERS = r"""
cd /srv/mill/.deliver 2>/dev/null || exit 0
find lock* -name 'owner.*' 2>/dev/null | while read -r owner; do
  IFS=. read -r _ pid birth _ <<END
${owner##*/}
END
  [ "$pid" = person ] || [ "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d ' ' -f 20)" = "$birth" ] || continue
  echo "$owner"
done
"""

#: The operator's command lines, by where they run; all other steps are seen in the record.
HOOKS = ("on_failure", "before_roll", "before_batch", "before_host", "after_host", "after_batch", "after_roll")
ON_HOSTS = ("first", "last", "drain", "undrain")

#: A step, and the host that it is about; the roll's own are about the first one.
Point = tuple[str, str]

#: Seconds that a network is cut: longer than the desk's `silence`.
CUT = 6.0

#: States of a row that say: the host's node is the one that was there before.
KEPT = {"not touched", "runs it already", "unchanged"}
RESTARTED = {"restarted", "started"}


@dataclass(frozen=True)
class Truth:
    """What is true of a host.

    Args:
        pid: of its node; empty when it does not run.
        version: that the application says it is; empty when it does not answer.
        boots: the version that the node would boot.
        drained: whether it is out of service.
    """

    pid: str
    version: str
    boots: str
    drained: bool


@dataclass
class Range:
    """A desk whose rolls can be stopped at each step.

    Args:
        desk: the operator's.
    """

    desk: Desk
    _runs: set[Path] = field(default_factory=set)
    _process: subprocess.Popen[str] | None = None
    _cut: threading.Timer | None = None

    def __post_init__(self) -> None:
        self._put(self.desk.path / "gate")
        for name in ALL:
            self._put(self.desk.fleet[name].path(THERE))
            self.desk.fleet[name].run(["chown", "-R", "deploy:deploy", THERE])
        self.desk.write_config(mills.rolling() + self._commands())

    # Gates ------------------------------------------------------------------------------------------------------------

    def close(self, points: Iterable[Point]) -> None:
        """Let a roll wait when it comes to one of these, where that step has a gate."""
        for point in points:
            (self._gate(point) / "waits").unlink(missing_ok=True)
            with (self._gate(point) / "closed").open("a") as file:
                file.write(f"{' '.join(point)}\n")

    def open(self, point: Point) -> None:
        """Let what waits there go on."""
        closed = self._gate(point) / "closed"
        lines = [line for line in closed.read_text().splitlines() if line.split() != list(point)]
        (closed.parent / "new").write_text("".join(f"{line}\n" for line in lines))
        (closed.parent / "new").rename(closed)

    def open_all(self) -> None:
        """Let go on whatever waits."""
        for gate in self._gates():
            (gate / "closed").unlink(missing_ok=True)

    def came(self, step: str) -> list[str]:
        """Return the hosts for which a step has come, in that order."""
        files = [gate / "came" for gate in self._gates()]
        lines = [line.split() for file in files if file.exists() for line in file.read_text().splitlines()]
        return [words[1] for words in lines if words[0] == step]

    def forget(self) -> None:
        """Forget which steps have come, and that one-time commands were run."""
        for gate in self._gates():
            (gate / "came").unlink(missing_ok=True)
        for name in ALL:
            shutil.rmtree(self.desk.root(name) / ".deliver/once", ignore_errors=True)

    # Rolls ------------------------------------------------------------------------------------------------------------

    def prepare(self, version: str) -> None:
        """Bring all hosts to a version, unless they are whole; forget all that was."""
        self.open_all()
        if not any(self.is_whole(self.truth(), one) for one in self._versions()):
            for name in ALL:
                self.desk.fleet[name].path(DRAINED).unlink(missing_ok=True)
            done = self.desk.end(self.begin("release", "--version", version, "--to", "production", "--unhealthy"))
            assert done.code == 0, done.told
        self.forget()

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Begin a roll."""
        self._runs = set(self._records())
        self._process = self.desk.begin(*words, "--json", "--yes")
        return self._process

    def end_all(self) -> None:
        """Kill a roll that a failed test has left behind."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.communicate()

    def _versions(self) -> set[str]:
        return {release.version for release in self.desk.store.releases(self.desk.app)}

    def reach(self, process: subprocess.Popen[str], point: Point, goal: str) -> bool:
        """Return when a roll has come to a step, whose gate was closed before, or has ended; whether it goes on."""

        def is_there() -> bool:
            return process.poll() is not None or self._has_come(point, goal)

        wait_until(is_there, f"the roll comes to {point}", 60)
        return process.poll() is None

    def _has_come(self, point: Point, goal: str) -> bool:
        step, host = point
        if step in (*HOOKS, *ON_HOSTS):
            waits = self._gate(point) / "waits"
            return waits.exists() and waits.read_text().split() == [step, host]
        if step == "probation":
            return self._version(host) == goal
        return self._is_recorded(step, host)

    def _is_recorded(self, step: str, host: str) -> bool:
        word = json.dumps({"step": step, "event": "began", "host": host}, separators=(",", ":"))[1:-1]
        return any(word in file.read_text() for file in self._records() if file not in self._runs)

    def _records(self) -> list[Path]:
        return list(self.desk.path.glob(".deliver/runs/*/record.jsonl"))

    # Truth ------------------------------------------------------------------------------------------------------------

    def truth(self) -> dict[str, Truth]:
        """Look at each host, without deliver."""
        return {name: self._truth(name) for name in ALL}

    def settled(self) -> dict[str, Truth]:
        """Return the truth once nothing is at work on any host, and `status` and `version` say the same."""
        if self._cut is not None:
            self._cut.join()
        wait_until(lambda: self.locks() == [], "all locks are free")
        while True:
            before = self.truth()
            status = self.desk.deliver("status", "--on", "production")
            if self.truth() == before:
                break
        told = {row["host"]: row for row in status.document}
        for name, true in before.items():
            assert _told(told[name]) == (true.pid, true.version, true.boots), (name, told[name], true)
        return before

    def locks(self) -> list[str]:
        """Return all locks that are taken: of hosts (`prod1 lock`), and of the environment (`prod1 production`)."""
        hosts = [(name, host) for name, host in self.desk.fleet.hosts.items() if name in ALL and host.is_up]
        owners = [(name, line) for name, host in hosts for line in host.shell(OWNERS).split()]
        return [f"{name} {Path(owner).parent.name}" for name, owner in owners]

    def readable(self) -> None:
        """Check that nothing of what was written down is damaged."""
        for name in ALL:
            for line in (self.desk.root(name) / ".deliver/journal").read_text().splitlines():
                json.loads(line)
        assert self.desk.deliver("history", "--on", "production").code == 0

    def check(self, done: Done, before: Mapping[str, Truth], goal: str) -> dict[str, Truth]:
        """Hold what a roll said in its end against the truth, which is returned."""
        now = self.settled()
        for row in done.document.get("result", done.document)["hosts"]:
            name, state = row["host"], row["state"]
            assert (row["to"] or "") == now[name].version, (row, now[name], done.told)
            if state in KEPT:
                assert (now[name].pid, now[name].version) == (before[name].pid, before[name].version), (row, before)
            if state in RESTARTED:
                assert now[name].pid != before[name].pid, row
        assert (done.code == 0) == self.is_whole(now, goal), (done, now)
        if done.code and now != before:
            assert f"the fleet: {_fleet(now, goal)}" in done.told, (now, done.told)
        return now

    def is_whole(self, now: Mapping[str, Truth], goal: str) -> bool:
        """Whether every host runs and boots a version, and is in service."""
        return all(one.pid and (one.version, one.boots, one.drained) == (goal, goal, False) for one in now.values())

    def _truth(self, name: str) -> Truth:
        data = self.desk.root(name) / "releases/start_erl.data"
        boots = data.read_text().split()[1] if data.exists() else ""
        return Truth(self._pid(name), self._version(name), boots, self.desk.fleet[name].path(DRAINED).exists())

    def _pid(self, name: str) -> str:
        return self.desk.fleet[name].shell("pidof beam.smp || :")

    def _version(self, name: str) -> str:
        try:
            return self.desk.ask(name, "version")[0]
        except OSError:
            return ""

    # Blows ------------------------------------------------------------------------------------------------------------

    def strike(self, what: str, process: subprocess.Popen[str], point: Point) -> None:
        """Let it fall on deliver, on a host's sshd and all its connections, or on a node, also one that only begins.

        `network` cuts a host off for a while, longer than the operator waits for signs of life; `laptop` cuts off all.
        """
        step, host = point
        machine = self.desk.fleet[host]
        if what == "deliver":
            process.kill()
        elif what in {"network", "laptop"}:
            self._cut_off([host] if what == "network" else ALL)
        elif what == "sshd":
            machine.stop_sshd()
            machine.start_sshd()
        else:
            if step == "start":
                wait_until(lambda: self._pid(host) != "", f"{host} has a node")
            machine.shell(
                "kill -KILL $(pidof beam.smp) 2>/dev/null || :; while pidof beam.smp >/dev/null; do sleep 0.01; done"
            )

    def _cut_off(self, names: Iterable[str]) -> None:
        cut = ExitStack()
        for name in names:
            cut.enter_context(self.desk.fleet[name].silent())
        self._cut = threading.Timer(CUT, cut.close)
        self._cut.start()

    # Internals --------------------------------------------------------------------------------------------------------

    def _put(self, place: Path) -> None:
        place.mkdir(exist_ok=True)
        shutil.copy(GATE, place)

    def _gate(self, point: Point) -> Path:
        step, host = point
        if step in ON_HOSTS:
            return self.desk.fleet[host].path(THERE)
        return self.desk.path / "gate"

    def _gates(self) -> Iterator[Path]:
        yield self.desk.path / "gate"
        yield from (self.desk.fleet[name].path(THERE) for name in ALL)

    def _commands(self) -> str:
        there = f"sh {THERE}/gate.sh"
        hooks = "\n".join(f'{step} = "sh {self.desk.path}/gate/gate.sh {step}"' for step in HOOKS)
        return f"""
[environments.production.hooks]
{hooks}
[environments.production.drain]
command = "touch {DRAINED} && {there} drain"
undo_command = "{there} undrain && rm -f {DRAINED}"
[environments.production.health]
interval = "100ms"
[environments.production.once.first]
run = "{there} first"
[environments.production.once.last]
run = "{there} last"
at = "after"
on = "prod3"
"""


def _told(row: Mapping[str, Any]) -> tuple[str, str, str]:
    process = row["process"] or {}
    return str(process.get("pid", "")), row["version"] or "", row["permanent"]


def _fleet(now: Mapping[str, Truth], goal: str) -> str:
    kinds = {"new" if one.version == goal else "old" if one.version else "down" for one in now.values()}
    return f"all {kinds.pop()}" if len(kinds) == 1 else "MIXED"
