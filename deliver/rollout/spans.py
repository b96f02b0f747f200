"""The events of a roll, put together again: what was done to each host, from when to when, and how it went."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeVar

from deliver.rollout.events import Event, Step
from deliver.rollout.record import Ended, Member, Run

#: How a step went; `open`: it began, and nobody told its end.
Went = Literal["ended", "failed", "open"]
#: How it went for a host, or for several. `back`: it is again what it was before.
Mood = Literal["failed", "open", "back", "well", "waiting"]

_Thing = TypeVar("_Thing", "Span", Event)

#: Steps that take a host out of service.
_AWAY = ("drain", "stop")
#: Steps after which a host is another than before.
_TOUCHING = ("drain", "upgrade", "stop", "start", "undrain", "undo")


@dataclass(frozen=True)
class Span:
    """One step, from its beginning to its end.

    Args:
        step: what was done.
        host: where; empty for a batch or the whole roll.
        batch: which batch, from 1; 0 for none.
        begin: when it began, in seconds since 1970.
        end: when it ended, or was last heard of.
        went: how it went.
        seconds: how long it took, as it was measured.
        text: what was said of it.
    """

    step: Step
    host: str
    batch: int
    begin: float
    end: float
    went: Went
    seconds: float
    text: str = ""


@dataclass(frozen=True)
class Account:
    """What a roll did to one host.

    Args:
        name: the host.
        batch: its batch, from 1; 0 for none.
        member: what was planned for it; None when it was not planned for.
        final: what it was at the end; None when nobody said.
        spans: its steps, in the order of their beginnings.
        notes: what was said of it besides.
    """

    name: str
    batch: int
    member: Member | None
    final: Ended | None
    spans: tuple[Span, ...]
    notes: tuple[Event, ...]

    @cached_property
    def failures(self) -> tuple[Span, ...]:
        """The steps that failed."""
        return tuple(span for span in self.spans if span.went == "failed")

    @property
    def is_touched(self) -> bool:
        """Whether it was changed, or may have been."""
        return any(span.step in _TOUCHING for span in self.spans)

    @cached_property
    def mood(self) -> Mood:
        """How it went for this host, in a word."""
        state = self.final.state if self.final else ""
        if self.failures or (self.is_touched and state == "down"):
            return "failed"
        if state == "unknown" or self.is_broken_off:
            return "open"
        if self.is_touched:
            return "back" if state == "old" or any(span.step == "undo" for span in self.spans) else "well"
        return "well" if state == "new" or (self.member and self.member.way == "none") else "waiting"

    @property
    def is_broken_off(self) -> bool:
        """Whether nobody told how its change ended."""
        if any(span.went == "open" for span in self.spans):
            return True
        return self.final is None and self.is_touched and not self._is_through

    @property
    def _is_through(self) -> bool:
        last: dict[str, int] = {span.step: number for number, span in enumerate(self.spans)}
        back = "undrain" if "drain" in last else "health"
        return last.get(back, -1) > max(last.get(step, -1) for step in ("drain", "upgrade", "stop", "start"))

    @property
    def gap(self) -> float | None:
        """For how many seconds it did not serve: from its drain or stop until healthy; None: never, or still."""
        begin = min((span.begin for span in self.spans if span.step in _AWAY), default=None)
        if begin is None:
            return None
        back = [span.end for span in self.spans if span.step == "health" and span.went == "ended" and span.end > begin]
        return max(back) - begin if back else None

    @property
    def hot(self) -> float | None:
        """How many seconds its change without a restart took; None when there was none."""
        took = [span.seconds for span in self.spans if span.step == "upgrade" and span.went == "ended"]
        return took[-1] if took else None


def last_heard(run: Run) -> float:
    """Return when a run was last heard of, in seconds since 1970."""
    last = max((event.at for event in run.steps), default=run.at)
    return max(run.at, last, run.end.at if run.end else last)


def spans(run: Run) -> tuple[Span, ...]:
    """Return all steps of a run, in the order of their beginnings."""
    began: dict[tuple[str, str, int], Event] = {}
    found = []
    for event in run.steps:
        if event.kind == "began":
            began[_place(event)] = event
        elif event.kind != "note":
            found.append(_closed(event, began.pop(_place(event), None)))
    last = last_heard(run)
    found += [
        Span(event.step, event.host, event.batch, event.at, last, "open", last - event.at, event.text)
        for event in began.values()
    ]
    return tuple(sorted(found, key=lambda span: span.begin))


def accounts(run: Run, told: Iterable[Span]) -> tuple[Account, ...]:
    """Return what a run did to each host, batch after batch; the hosts of no batch last.

    Args:
        run: the run.
        told: its steps.
    """
    batches = {host: number for number, hosts in enumerate(run.batches, 1) for host in hosts}
    members = {member.host: member for member in run.members}
    finals = {final.host: final for final in run.end.hosts} if run.end else {}
    done = _by_host(told)
    said = _by_host(event for event in run.steps if event.kind == "note")
    names = dict.fromkeys((*batches, *members, *finals, *done, *said))
    return tuple(
        Account(
            name,
            batches.get(name, 0),
            members.get(name),
            finals.get(name),
            done.get(name, ()),
            said.get(name, ()),
        )
        for name in names
        if name
    )


def _by_host(things: Iterable[_Thing]) -> dict[str, tuple[_Thing, ...]]:
    found: dict[str, list[_Thing]] = {}
    for thing in things:
        found.setdefault(thing.host, []).append(thing)
    return {host: tuple(its) for host, its in found.items()}


def mood_of(hosts: Iterable[Account]) -> Mood:
    """Return how it went for several hosts: the worst of them; `waiting` only when all of them are."""
    moods = {host.mood for host in hosts}
    return next((mood for mood in ("failed", "open", "back", "well") if mood in moods), "waiting")


def _place(event: Event) -> tuple[str, str, int]:
    return event.host, event.step, 0 if event.host else event.batch


def _closed(event: Event, began: Event | None) -> Span:
    begin = began.at if began else event.at - event.seconds
    went: Went = "failed" if event.kind == "failed" else "ended"
    said = event.text or (began.text if began else "")
    return Span(
        event.step, event.host, event.batch, begin, max(begin, event.at), went, event.seconds or event.at - begin, said
    )
