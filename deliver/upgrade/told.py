"""What is told of a fleet whose upgrade did not go through: what each node runs, and the command that mends it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from deliver.errors import DeliverError, MixedFleetError, RestartedError

#: States of a node that runs, and boots, what it should.
DONE = frozenset({"upgraded", "downgraded", "runs it already"})
#: States of a node that is as it was before, but for what it may have lost.
BEFORE = frozenset({"waiting", "unchanged", "taken back", "restarted"})


@dataclass(frozen=True)
class Row:
    """What came of one host.

    Args:
        host: its name.
        old: the version that it ran.
        new: the version that it runs, as far as we know; empty when nobody knows, or none.
        wanted: the version that it was to run.
        state: `waiting`, `runs it already`, `changing`, or a state of `deliver.upgrade.turn.Ended`.
        milliseconds: that the change took on the node.
    """

    host: str
    old: str
    new: str
    wanted: str
    state: str = "waiting"
    milliseconds: int = 0

    def __str__(self) -> str:
        words = {"waiting": "not touched", "changing": "interrupted: ask it with `version`"}
        runs = f"runs {self.new}" if self.new else "does not run" if self.state == "down" else "is not known"
        return f"{self.host} {runs} ({words.get(self.state, self.state)})"


@dataclass(frozen=True)
class Words:
    """A command line, but for its version and its hosts.

    Args:
        task: `deploy-upgrade` or `rollback`.
        environment: its name.
        hosts: those that are meant; empty for all.
        more: other options.
    """

    task: str
    environment: str
    hosts: tuple[str, ...] = ()
    more: tuple[str, ...] = ()

    def line(self, version: str, hosts: Iterable[str] = ()) -> str:
        """Return the command line for a version."""
        where = "--on" if self.task == "rollback" else "--to"
        named = [word for name in hosts or self.hosts for word in ("--host", name)]
        words = [self.task, "--version", version, where, self.environment, *named, *self.more]
        return f"invoke {shlex.join(words)}"


def fleet(rows: Iterable[Row]) -> str:
    """Return in a line what every node runs."""
    return "; ".join(str(row) for row in rows)


def mend(rows: Sequence[Row], words: Words) -> str:
    """Return the command that goes on, after a node that is down was brought up."""
    return " && ".join(_mend(rows, words))


def failure(error: DeliverError, rows: Sequence[Row], words: Words) -> DeliverError:
    """Return the error of a fleet of which one node failed, with its state and the command that mends it."""
    hint = "\n".join(filter(None, [error.hint, f"when that is put right: {mend(rows, words)}", *_back(rows, words)]))
    message = f"{error.message}\n{fleet(rows)}"
    if len(rows) > 1 and any(row.state not in BEFORE | {"runs it already"} for row in rows):
        return MixedFleetError(message, hint=hint)
    if any(row.state == "restarted" for row in rows):
        return RestartedError(message, hint=hint)
    error.message, error.hint = message, hint
    return error


def _mend(rows: Sequence[Row], words: Words) -> Iterator[str]:
    down = [row.host for row in rows if row.state == "down"]
    if down:
        named = [word for name in down for word in ("--host", name)]
        yield f"invoke {shlex.join(['start', '--on', words.environment, *named])}"
    pending = [row for row in rows if row.state not in DONE]
    wanted = list(dict.fromkeys(row.wanted for row in pending))
    if len({row.wanted for row in rows}) == 1:
        yield words.line(wanted[0])
    else:
        yield from (words.line(one, [row.host for row in pending if row.wanted == one]) for one in wanted)


def _back(rows: Sequence[Row], words: Words) -> Iterator[str]:
    """Yield the ways back of those that went on, when others could not."""
    done = [row for row in rows if row.state in {"upgraded", "downgraded", "unfinished"}]
    task = "deploy-upgrade" if words.task == "rollback" else "rollback"
    for version in dict.fromkeys(row.old for row in done):
        back = Words(task, words.environment)
        yield f"or back to {version}: {back.line(version, [row.host for row in done if row.old == version])}"
