"""The plan of a roll: every host with its way, the batches, and what else runs; as people and machines read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from deliver.config.schema import Environment, Once, Rolling, Share
from deliver.fleet.ways import Assignment, Strategy
from deliver.rollout.machine import Batch, Member, plan_batches

Task = Literal["release", "promote", "rollback", "rolling-restart"]

_WAYS = {
    "none": "nothing to do",
    "finish": "runs it; brought into service, and looked at",
    "hot": "hot upgrade, no restart",
    "restart": "restart",
    "start": "start: it does not run",
}


@dataclass(frozen=True)
class Plan:
    """What a roll will do.

    Args:
        task: which kind of roll.
        environment: where.
        version: that all hosts are to run; empty for a restart of what they have.
        assignments: one for each host, in the order of the file.
        strategy: which ways are allowed.
        lacks: what will be built before, in words: a release, pairs.
        unended: whether a roll to the same did not come to its end: what comes after the last host may lack.
    """

    task: Task
    environment: Environment
    version: str
    assignments: tuple[Assignment, ...]
    strategy: Strategy = "auto"
    lacks: tuple[str, ...] = ()
    unended: bool = False

    @property
    def rolling(self) -> Rolling:
        """How it goes through the hosts; all at once when it is cold."""
        if self.strategy != "cold":
            return self.environment.rolling
        return replace(self.environment.rolling, batches=(Share(percent=100.0),), confirm_after="never")

    @property
    def members(self) -> tuple[Member, ...]:
        """The hosts, as the roll sees them."""
        is_cold = self.strategy == "cold"
        return tuple(Member(one.name, "" if is_cold else one.site.host.zone, one.way) for one in self._in_order())

    @property
    def batches(self) -> tuple[Batch, ...]:
        """Who goes with whom."""
        return plan_batches(self.members, self.rolling)

    @property
    def is_idle(self) -> bool:
        """Whether every host is as it should be, and nothing else is left to do."""
        return not self.unended and all(one.way == "none" for one in self.assignments)

    @property
    def once(self) -> tuple[tuple[str, Once], ...]:
        """The one-time commands of a roll to a version that is new here."""
        if self.task not in {"release", "promote"}:
            return ()
        return tuple(self.environment.once.items())

    def of(self, name: str) -> Assignment:
        """Return what is to be done with the host called `name`."""
        return next(one for one in self.assignments if one.name == name)

    def is_like(self, other: Plan) -> bool:
        """Whether the other does the same to every host."""
        return [_essence(one) for one in self.assignments] == [_essence(one) for one in other.assignments]

    def rows(self) -> list[tuple[object, ...]]:
        """Return a row for each host, in the order in which they go."""
        return [
            (batch or "", one.name, one.old, one.version or "?", _WAYS[one.way], "; ".join(one.reasons))
            for batch, one in self._placed()
        ]

    def to_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "task": self.task,
            "environment": self.environment.name,
            "version": self.version,
            "strategy": self.strategy,
            "lacks": list(self.lacks),
            "batches": [list(one.hosts) for one in self.batches],
            "once": [{"name": name, "at": once.at, "run": once.run} for name, once in self.once],
            "hosts": [self.member_json(one) | {"batch": batch} for batch, one in self._placed()],
        }

    @staticmethod
    def member_json(one: Assignment) -> dict[str, Any]:
        """Return one host for machines."""
        return {
            "host": one.name,
            "zone": one.site.host.zone,
            "way": one.way,
            "from": one.old,
            "to": one.version,
            "verdict": one.verdict,
            "reasons": list(one.reasons),
        }

    def _in_order(self) -> Sequence[Assignment]:
        # One that serves nobody is the best canary, and the fleet is whole again the sooner.
        return sorted(self.assignments, key=lambda one: one.way not in {"start", "finish"})

    def _placed(self) -> Iterator[tuple[int, Assignment]]:
        for batch in self.batches:
            yield from ((batch.number, self.of(name)) for name in batch.hosts)
        yield from ((0, one) for one in self.assignments if one.way == "none")


def _essence(one: Assignment) -> tuple[str, ...]:
    return (one.name, one.way, one.old, one.version)
