"""The hands of a roll: what its state machine asks for is done here, on real hosts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from threading import Barrier

from deliver.config.schema import Host
from deliver.errors import DeliverError, TargetError
from deliver.fleet.good import UNDO
from deliver.fleet.host import HostChange
from deliver.fleet.means import Means
from deliver.fleet.order import Person
from deliver.fleet.plan import Plan
from deliver.fleet.targets import stored
from deliver.fleet.ways import Assigner, Assignment
from deliver.remote.connect import LOST
from deliver.rollout.events import Result, Standing
from deliver.rollout.journal import Journals
from deliver.rollout.machine import Batch

#: What `new` and `old` of a host on its way back mean for the roll.
_TURNED: Mapping[Standing, Standing] = {"new": "old", "old": "new"}
#: States of a host that is as it should be.
GOOD_STATES = frozenset({"upgraded", "downgraded", "restarted", "started", "runs it already"})


@dataclass(frozen=True)
class Told:
    """What became of a host, for people.

    Args:
        state: in a word.
        version: that it runs; empty when nobody knows, or none.
        seconds: how long it took.
        milliseconds: that `release_handler` took.
        pause: the most milliseconds that a process stood still.
        gap: seconds that the host was out of service.
    """

    state: str
    version: str
    seconds: float
    milliseconds: int = 0
    pause: float = 0.0
    gap: float = 0.0


@dataclass
class FleetHands:
    """Changes the hosts of a plan, and takes them back; called from several threads.

    Args:
        plan: says what is to be done with each host.
        means: what that needs.
        assigner: finds the way back of a host.
        journals: of the hosts.
        check: raises an error when the environment's lock is not ours any more.
        person: sees what becomes of hosts, and is asked.
        ended: what became of each host that was worked on.
    """

    plan: Plan
    means: Means
    assigner: Assigner
    journals: Journals
    check: Callable[[], None]
    person: Person
    ended: dict[str, Told] = field(default_factory=dict)
    _gates: dict[int, Barrier] = field(default_factory=dict)
    _mates: dict[int, frozenset[str]] = field(default_factory=dict)

    def open(self, batch: Batch) -> None:
        """Begin a batch."""
        self.check()
        nodes = (self.plan.of(host).site.facts.process for host in batch.hosts)
        self._mates[batch.number] = frozenset(one.node for one in nodes if one is not None)
        if self.plan.strategy == "cold":
            self._gates[batch.number] = Barrier(len(batch.hosts))
        self.means.hook("before_batch", self._hosts(batch), batch.number)

    def close(self, batch: Batch) -> None:
        """End a batch."""
        if all(self.ended[host].state in GOOD_STATES for host in batch.hosts if host in self.ended):
            self.means.hook("after_batch", self._hosts(batch), batch.number)

    def change(self, host: str, batch: int) -> Result:
        """Bring a host to the version."""
        change = HostChange(self.plan.of(host), self.means, batch, self._gates.get(batch), self._mates[batch])
        began = time.monotonic()
        result = self._checked(change)
        seconds = time.monotonic() - began
        measured = (change.milliseconds, change.pause, change.gap)
        self.ended[host] = Told(change.state, result.version, seconds, *measured)
        self._tell(change, result, seconds)
        return result

    def undo(self, host: str) -> Result:
        """Take a host back to what it ran before."""
        began, before = time.monotonic(), self.plan.of(host)
        journals = self.journals.about_another(UNDO, before.old)
        with self.means.step("undo", host) as told:
            result = self._undone(before, journals)
            told.append(f"runs {result.version or 'nothing'}" if result.error is None else result.error.message)
        state = "taken back" if result.error is None else "not taken back"
        self.ended[host] = Told(state, result.version, time.monotonic() - began)
        self.person.sees(host, f"{state}: runs {result.version or 'nothing'}", is_well=result.error is None)
        return result

    def ask(self, question: str) -> bool:
        """Ask a person whether the roll goes on."""
        so_far = "the canary is" if question == "canary" else "this batch is"
        return self.person.confirms(f"{so_far} well: go on?")

    def _hosts(self, batch: Batch) -> list[Host]:
        return [self.plan.of(name).site.host for name in batch.hosts]

    def _checked(self, change: HostChange) -> Result:
        try:
            self.check()
            self._begin(change)
        except DeliverError as error:
            return change.left(error)
        return change.run()

    def _begin(self, change: HostChange) -> None:
        """Write that it begins; its connection may have been lost while others had their turn."""
        try:
            self.journals.begin(change.site.session, change.site.host)
        except LOST:
            change.site = self.means.again(change.site)
            self.journals.begin(change.site.session, change.site.host)

    def _undone(self, before: Assignment, journals: Journals) -> Result:
        began = time.monotonic()
        try:
            self.check()
            back = self._way_back(before)
            journals.begin(back.site.session, back.site.host)
        except DeliverError as error:
            return Result(before.name, "unknown", "", error)
        change = HostChange(back, self.means, is_undo=True)
        result = change.run()
        self._write_end(journals, change, result, time.monotonic() - began)
        return replace(result, standing=_TURNED.get(result.standing, result.standing))

    def _way_back(self, before: Assignment) -> Assignment:
        if not before.old:
            raise TargetError(f"{before.name}: nothing ran there before, and so there is nothing to go back to")
        site = self.means.again(before.site)
        return self.assigner.assign(site, stored(self.assigner.store, self.means.app, before.old))

    def _tell(self, change: HostChange, result: Result, seconds: float) -> None:
        failed = self._write_end(self.journals, change, result, seconds)
        text = f"FAILED: {failed}" if failed else f"runs {result.version}, and is healthy"
        self.person.sees(result.host, text, is_well=not failed)

    def _write_end(self, journals: Journals, change: HostChange, result: Result, seconds: float) -> str:
        """Write how a change ended; return what went wrong, in a line."""
        failed = result.error.message.splitlines()[0] if result.error else ""
        lines = journals.lines(change.name, "failed" if failed else "ok", failed, seconds)
        try:
            self.means.again_when_lost(change.site, lambda site: journals.end(site.session, site.host, lines))
        except DeliverError as error:
            journals.miss(change.name, error)
        return failed
