"""What is told at the end of a roll: every host's state, the fleet's, and the one command that mends it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from deliver.errors import DeliverError, MixedFleetError, RestartedError
from deliver.otp.upgrade.pauses import held
from deliver.rollout.events import Standing

Fleet = Literal["all new", "all old", "all down", "MIXED"]

#: States of a host that is as the roll wants it.
WELL = frozenset({"upgraded", "downgraded", "restarted", "started", "runs it already"})
#: States of a host that somebody has to look at.
ILL = frozenset({"failed", "unfinished", "down", "unknown", "not taken back", "interrupted"})


@dataclass(frozen=True)
class Row:
    """What became of one host.

    Args:
        host: its name.
        state: what was done with it, in a word or two.
        standing: what it is now.
        old: the version that it ran before.
        version: that it runs now, as far as we know; empty when nobody knows, or none.
        seconds: how long it took.
        milliseconds: that `release_handler` took.
        pause: the most milliseconds that a process stood still for an upgrade.
        gap: seconds that the host was out of service for a restart.
    """

    host: str
    state: str
    standing: Standing
    old: str
    version: str
    seconds: float = 0.0
    milliseconds: int = 0
    pause: float = 0.0
    gap: float = 0.0

    def __str__(self) -> str:
        silent = {"down": "does not run", "unknown": "may run anything: ask it with `version`"}
        return f"{self.host} {silent.get(self.standing, f'runs {self.version}')} ({self.state})"


@dataclass(frozen=True)
class Words:
    """The command line of a roll, for the commands that mend.

    Args:
        task: `release`, `promote`, `rollback` or `rolling-restart`.
        environment: its name.
        version: that it brings the hosts to; empty for a restart.
        hosts: those that are meant; empty for all.
        more: other options that hold also when it goes on.
    """

    task: str
    environment: str
    version: str = ""
    hosts: tuple[str, ...] = ()
    more: tuple[str, ...] = ()

    def on(self) -> str:
        """Return the command that goes on with the roll."""
        named = [word for name in self.hosts for word in ("--host", name)]
        if self.task == "rolling-restart":
            return _line("rolling-restart", "--on", self.environment, "--resume", *named, *self.more)
        if self.task == "rollback":
            return self.back(self.version)
        return _line("release", "--version", self.version, "--to", self.environment, "--resume", *named, *self.more)

    def back(self, version: str) -> str:
        """Return the command that brings all hosts back to a version."""
        named = [word for name in self.hosts for word in ("--host", name)]
        return _line("rollback", "--on", self.environment, "--version", version, *named)


def seen(row: Row, runs_version: str, goal: str, *, runs: bool) -> Row:
    """Return a row with what its host says of itself at the end of the roll.

    Args:
        row: what the roll knows.
        runs_version: the version that runs there; empty for none.
        goal: the one that it should run.
        runs: whether a node runs at all.
    """
    standing: Standing = "down" if not runs else "new" if runs_version == goal else "old"
    fell = row.state in WELL and standing != "new"
    state = row.state if not fell else "down" if standing == "down" else "failed"
    return replace(row, state=state, standing=standing, version=runs_version)


def unseen(row: Row) -> Row:
    """Return a row of a host that did not answer at the end of the roll."""
    return replace(row, state="unknown" if row.state in WELL else row.state, standing="unknown", version="")


def fleet(rows: Sequence[Row]) -> Fleet:
    """Return the state of all hosts together."""
    named: dict[Standing, Fleet] = {"new": "all new", "old": "all old", "down": "all down"}
    standings = {row.standing for row in rows}
    return named.get(standings.pop(), "MIXED") if len(standings) == 1 else "MIXED"


def mend(rows: Sequence[Row], words: Words, *, is_bad: bool) -> str:
    """Return the one command that mends the fleet; empty when it is whole.

    Args:
        rows: what became of each host.
        words: the roll's own.
        is_bad: whether a host failed with the new version, rather than before it got it.
    """
    if all(row.state in WELL for row in rows):
        return ""
    olds = _before(rows)
    if is_bad and len(olds) == 1 and words.task in {"release", "promote"} and fleet(rows) != "all old":
        return words.back(olds[0])
    return words.on()


def ways(rows: Sequence[Row], words: Words, command: str) -> list[str]:
    """Return the other commands that an operator may want instead of `command`."""
    others = [] if words.on() == command else [f"or, when that is put right: {words.on()}"]
    if words.task in {"release", "promote"} and fleet(rows) != "all old":
        backs = [words.back(old) for old in _before(rows)]
        others += [f"or back: {one}" for one in backs if one != command and len(backs) == 1]
    return others


def failure(error: DeliverError, rows: Sequence[Row], words: Words, *, is_bad: bool) -> DeliverError:
    """Return the error of a roll that did not come to its end."""
    command = mend(rows, words, is_bad=is_bad)
    hint = "\n".join(
        filter(None, [error.hint, f"to mend it: {command}" if command else "", *ways(rows, words, command)])
    )
    state = fleet(rows)
    message = "\n".join([error.message, *(f"  {row}" for row in shown(rows)), f"the fleet: {_told(state, rows)}"])
    if state == "MIXED" and len(rows) > 1:
        return MixedFleetError(message, hint=hint)
    if isinstance(error, RestartedError):
        return RestartedError(message, hint=hint)
    error.message, error.hint = message, hint
    return error


def down_time(rows: Sequence[Row]) -> list[str]:
    """Return what the change has cost those who use the fleet: the longest pause, and the longest gap; see `Row`."""
    said = []
    if any(row.milliseconds for row in rows):
        slowest = max(rows, key=lambda row: row.pause)
        said.append(f"upgrades: {held(slowest.pause)}" + (f" ({slowest.host})" if slowest.pause else ""))
    longest = max(rows, key=lambda row: row.gap, default=None)
    if longest is not None and longest.gap:
        said.append(f"restarts: no host was out of service for more than {longest.gap:.1f} s ({longest.host})")
    return said


def shown(rows: Sequence[Row], most: int = 40) -> list[str]:
    """Return a line for each host, those that need somebody first; many that are alike share one."""
    rest = [row for row in rows if row.state not in ILL]
    lines = [str(row) for row in rows if row not in rest]
    if len(rows) <= most:
        return lines + [str(row) for row in rest]
    kinds = dict.fromkeys((row.state, row.standing, row.version) for row in rest)
    for kind in kinds:
        alike = [row for row in rest if (row.state, row.standing, row.version) == kind]
        lines.append(f"{len(alike)} hosts: {str(alike[0]).partition(': ')[2]}")
    return lines


def _told(state: Fleet, rows: Iterable[Row]) -> str:
    runs = {row.host: row.version or row.standing for row in rows}
    kinds = {
        version: [name for name, one in runs.items() if one == version] for version in dict.fromkeys(runs.values())
    }
    counted = ", ".join(f"{len(names)} {_noun(version)}" for version, names in kinds.items())
    return f"{state} ({counted})"


def _noun(version: str) -> str:
    return {"down": "down", "unknown": "not known"}.get(version, f"on {version}")


def _before(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.old for row in rows if row.old and row.state != "runs it already"))


def _line(*words: str) -> str:
    return f"invoke {shlex.join(words)}"
