"""A roll through hosts as a state machine: what happened goes in, what to do comes out.

It has no threads, no clock and no connections; `drive` has. Whoever drives it answers each command with one event:

    Open    Opened, or Refused      Change, Undo    Ended
    Close   Closed                  Ask             Answered
    Pause   Paused                  Finish          nothing: it is the last one

`Interrupted` may come at any time; it also stands for the answer to a pause or a question.

What always holds:

    * Of the hosts that served before the roll, no more are out at once than the batch has, and as many as may fail.
    * A host that serves is not touched while another one of its zone is out.
    * No host is worked on twice at once. One that failed untouched is left alone.
    * What was opened is closed once. It ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush
from typing import Literal

from deliver.config.schema import Rolling
from deliver.errors import DeliverError
from deliver.rollout.events import Result, Standing, Way
from deliver.rollout.ledger import Ledger, State
from deliver.rollout.undoing import Undoing

#: How a roll ended: every host is well; some are not; a hook did not let a batch begin; the operator stopped it, or
#: said no.
Outcome = Literal["done", "failed", "refused", "interrupted", "declined"]
Question = Literal["canary", "batch"]


@dataclass(frozen=True)
class Member:
    """A host of the roll.

    Args:
        host: its name.
        zone: of hosts that share one, no two are out at once; empty for none.
        way: how it is brought to the version.
    """

    host: str
    zone: str = ""
    way: Way = "restart"


@dataclass(frozen=True)
class Batch:
    """Hosts that are changed together.

    Args:
        number: from 1.
        hosts: their names.
    """

    number: int
    hosts: tuple[str, ...]


@dataclass(frozen=True)
class Opened:
    """The hooks before a batch went well."""

    batch: Batch


@dataclass(frozen=True)
class Refused:
    """A hook before a batch failed: it does not begin."""

    batch: Batch
    error: DeliverError


@dataclass(frozen=True)
class Ended:
    """The change of a host ended, or its undoing."""

    result: Result


@dataclass(frozen=True)
class Closed:
    """The hooks after a batch ran."""

    batch: Batch
    error: DeliverError | None = None


@dataclass(frozen=True)
class Paused:
    """A pause is over."""


@dataclass(frozen=True)
class Answered:
    """A person answered."""

    yes: bool


@dataclass(frozen=True)
class Interrupted:
    """The operator wants to stop: nothing more begins, what is under way ends, nothing is undone.

    Args:
        by: what said so, where something did.
    """

    by: KeyboardInterrupt | None = None


Happening = Opened | Refused | Ended | Closed | Paused | Answered | Interrupted


@dataclass(frozen=True)
class Open:
    """Run the hooks before a batch."""

    batch: Batch


@dataclass(frozen=True)
class Change:
    """Bring a host to the version."""

    host: str


@dataclass(frozen=True)
class Close:
    """Run the hooks after a batch."""

    batch: Batch


@dataclass(frozen=True)
class Pause:
    """Wait, in seconds."""

    seconds: float


@dataclass(frozen=True)
class Ask:
    """Ask a person whether to go on: after the canary, or after a batch."""

    question: Question


@dataclass(frozen=True)
class Undo:
    """Bring a host back to what it ran before."""

    host: str


@dataclass(frozen=True)
class Finish:
    """It is over."""

    outcome: Outcome


Command = Open | Change | Close | Pause | Ask | Undo | Finish


def plan_batches(members: Sequence[Member], rolling: Rolling) -> tuple[Batch, ...]:
    """Return who is changed together, in the members' order as far as zones let them keep it.

    Within a zone, hosts that are down come first: the others may not be touched before those are up. Members that
    have nothing to do are in no batch, but count where a batch is a share of all.
    """
    queues = _queues(members)
    heads = [(queue[0], key) for key, queue in queues.items()]
    heapify(heads)
    batches: list[Batch] = []
    while heads:
        share = rolling.batches[min(len(batches), len(rolling.batches) - 1)]
        taken = [heappop(heads) for _ in range(min(share.of(len(members)), len(heads)))]
        batches.append(Batch(len(batches) + 1, tuple(members[at].host for at, _ in taken)))
        for _, key in taken:
            queues[key].popleft()
            if queues[key]:
                heappush(heads, (queues[key][0], key))
    return tuple(batches)


def _queues(members: Sequence[Member]) -> dict[tuple[str, int], deque[int]]:
    # The positions of the members that have to take turns; one without a zone stands alone.
    turns: dict[tuple[str, int], list[int]] = {}
    for at, member in enumerate(members):
        if member.way != "none":
            turns.setdefault((member.zone, 0 if member.zone else at), []).append(at)
    return {key: deque(sorted(turn, key=lambda at: members[at].way != "start")) for key, turn in turns.items()}


class Roll:
    """One roll.

    Args:
        members: all hosts of the roll, also those that have nothing to do.
        rolling: sizes, limits and policies.
        parallel: the most hosts that are worked on at once.
        undoable: whether there is a version to bring hosts back to.
        standings: what hosts are before the roll, where that is not what their way says.

    Attributes:
        batches: who is changed together.
        batch_of: the number of each host's batch.
        states: what became of each host.
        standings: what each host is; unknown while it is worked on.
        results: how the changes ended.
        undos: how their undoing ended.
        held: hosts that did not begin, and the host of their zone that kept them from it.
        hook_error: the first error of a hook before or after a batch.
        interrupt: what interrupted it, where something did.
        outcome: how the roll ended; None while it goes on.
    """

    def __init__(
        self,
        members: Sequence[Member],
        rolling: Rolling,
        *,
        parallel: int,
        undoable: bool = True,
        standings: Mapping[str, Standing] | None = None,
    ) -> None:
        self._rolling = rolling
        self._parallel = max(1, parallel)
        self._undoable = undoable
        before = {member.host: (standings or {}).get(member.host) or _standing(member.way) for member in members}
        self._ledger = Ledger({member.host: member.zone for member in members}, before)
        self.batches = plan_batches(members, rolling)
        self.batch_of = {host: batch.number for batch in self.batches for host in batch.hosts}
        self.states: Mapping[str, State] = self._ledger.states
        self.standings: Mapping[str, Standing] = self._ledger.standings
        self.results: dict[str, Result] = {}
        self.undos: dict[str, Result] = {}
        self.held: dict[str, str] = {}
        self.hook_error: DeliverError | None = None
        self.interrupt: KeyboardInterrupt | None = None
        self.outcome: Outcome | None = None
        for member in members:
            if member.way == "none":
                self._ledger.note(member.host, "done", before[member.host])
        self._limit = _limit(rolling, len(members))
        self._failures = 0
        self._ahead = deque(self.batches)
        self._batch = Batch(0, ())
        self._is_open = False
        self._widths: list[int] = []
        self._queue: deque[str] = deque()
        self._working: set[str] = set()
        self._undoing: Undoing | None = None
        self._resting = False
        self._interrupted = False
        self._stop: Outcome | None = None

    def begin(self) -> list[Command]:
        """Return what to do first."""
        return [Open(self._batch)] if self._advance() else self._finish()

    def on(self, event: Happening) -> list[Command]:
        """Take what happened; return what to do now besides what is under way. Nothing once it is over."""
        if self.outcome is not None:
            return []
        if isinstance(event, Paused | Answered | Interrupted):
            return self._go_on(event)
        match event:
            case Opened():
                return self._opened()
            case Refused(error=error):
                return self._refused(error)
            case Ended(result=result):
                return self._ended(result)
            case Closed(error=failure):
                return self._closed(failure)

    def _go_on(self, event: Paused | Answered | Interrupted) -> list[Command]:
        match event:
            case Paused():
                return self._open()
            case Answered(yes=yes):
                return self._answered(yes=yes)
            case Interrupted(by=by):
                self.interrupt = self.interrupt or by
                return self._interrupt()

    def _advance(self) -> bool:
        # Find the next batch with hosts that may begin; those that may not are left out of it.
        while self._ahead:
            batch = self._ahead.popleft()
            for host in batch.hosts:
                mate = self._ledger.mate_out(host)
                if mate and self._ledger.standings[host] != "down":
                    self.held[host] = mate
            free = tuple(host for host in batch.hosts if host not in self.held)
            if free:
                self._batch = replace(batch, hosts=free)
                return True
        return False

    def _open(self) -> list[Command]:
        self._resting = False
        return [Open(self._batch)]

    def _opened(self) -> list[Command]:
        self._is_open = True
        self._widths.append(len(self._batch.hosts))
        self._queue.extend(self._batch.hosts)
        return self._begin_hosts()

    def _refused(self, error: DeliverError) -> list[Command]:
        self._stop_for("refused")
        self.hook_error = error
        return self._take_back()

    def _begin_hosts(self) -> list[Command]:
        begun: list[Command] = []
        while self._queue and self._stop is None and len(self._working) < self._parallel:
            host = self._queue.popleft()
            self._ledger.note(host, "working", "unknown")
            self._working.add(host)
            begun.append(Change(host))
        return begun if self._working else self._batch_over()

    def _ended(self, result: Result) -> list[Command]:
        if self._undoing is not None:
            self.undos[result.host] = result
            self._undoing.ended(result)
            return self._undo_more(self._undoing)
        self._working.remove(result.host)
        self.results[result.host] = result
        self._ledger.note(result.host, "done" if result.is_well else "failed", result.standing)
        self._failures += not result.is_well
        if self._failures > self._limit:
            self._stop_for("failed")
        return self._begin_hosts()

    def _batch_over(self) -> list[Command]:
        return self._take_back() if self._stop is not None else [Close(self._batch)]

    def _closed(self, error: DeliverError | None) -> list[Command]:
        self._is_open = False
        self.hook_error = self.hook_error or error
        if self._stop is not None:
            return self._finish()
        if error is not None:
            self._stop_for("failed")
            return self._take_back()
        return self._between() if self._advance() else self._finish()

    def _between(self) -> list[Command]:
        first = len(self._widths) == 1
        after = self._rolling.confirm_after
        if after == "never" or (after == "canary" and not first):
            return self._pause()
        self._resting = True
        return [Ask(after)]

    def _answered(self, *, yes: bool) -> list[Command]:
        if yes:
            return self._pause()
        self._stop_for("declined")
        return self._finish()

    def _pause(self) -> list[Command]:
        if not self._rolling.pause:
            return self._open()
        self._resting = True
        return [Pause(self._rolling.pause)]

    def _interrupt(self) -> list[Command]:
        self._interrupted = True
        if self._undoing is not None:
            self._cut(self._undoing)
        self._stop_for("interrupted")
        return self._finish() if self._resting else []

    def _cut(self, undoing: Undoing) -> None:
        if undoing.drop():
            self._stop = "interrupted"

    def _take_back(self) -> list[Command]:
        # The way out of every roll that stopped while a batch was open, or about to be.
        rolling, width = self._rolling, len(self._batch.hosts)
        if rolling.on_failure == "rollback-all":
            width = max(self._widths, default=0)
        undoing = Undoing(self._ledger, self._order(), min(width, self._parallel), width + self._limit)
        if self._interrupted:
            self._cut(undoing)
        self._undoing = undoing
        return self._undo_more(undoing)

    def _order(self) -> Iterable[list[str]]:
        # Who is undone: those that are out, those that failed and serve, the others batch by batch from the last.
        policy = self._rolling.on_failure
        if policy == "stop" or not self._undoable or self._stop not in {"failed", "refused"}:
            return []
        batches = [self._batch] if policy == "rollback-batch" else self.batches
        changed = [[host for host in batch.hosts if self._is_changed(host)] for batch in batches]
        failed = [host for hosts in changed for host in hosts if self.states[host] == "failed"]
        out = [host for standing in ("down", "unknown") for host in failed if self.standings[host] == standing]
        serving = [host for host in failed if self.standings[host] == "new"]
        done = [[host for host in hosts if self.states[host] == "done"] for hosts in reversed(changed)]
        return [out, serving, *done]

    def _is_changed(self, host: str) -> bool:
        result = self.results.get(host)
        return result is not None and result.touched and result.standing != "old"

    def _undo_more(self, undoing: Undoing) -> list[Command]:
        begun: list[Command] = [Undo(host) for host in undoing.begin()]
        if begun or undoing.is_busy:
            return begun
        return [Close(self._batch)] if self._is_open else self._finish()

    def _stop_for(self, reason: Outcome) -> None:
        self._stop = self._stop or reason

    def _finish(self) -> list[Command]:
        well = self.hook_error is None and all(state == "done" for state in self.states.values())
        self.outcome = "done" if well else self._stop or "failed"
        return [Finish(self.outcome)]


def _standing(way: Way) -> Standing:
    if way in {"none", "finish"}:
        return "new"
    return "down" if way == "start" else "old"


def _limit(rolling: Rolling, hosts: int) -> int:
    # How many hosts may fail.
    share = rolling.max_failures_percent
    limits = [rolling.max_failures, None if share is None else hosts * share // 100]
    return min((one for one in limits if one is not None), default=0)
