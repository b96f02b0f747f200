"""What was done in an environment: runs from the records of this machine, all else from the journals of its hosts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from deliver.rollout.journal import Entry, moment
from deliver.rollout.record import Run

#: Lines of the journals of several hosts that are no further apart than this, in seconds, are one deed.
TOGETHER = 120.0
#: How far apart the clocks of hosts and operators may be, in seconds.
CLOCKS = 2.0
#: The outcome of what has begun and not ended.
UNFINISHED = "not ended"


@dataclass(frozen=True)
class Deed:
    """One thing that somebody did, or one step of it.

    Args:
        at: when it began, in UTC.
        who: `user@machine`.
        task: what they did.
        version: to which version; empty when there is none.
        outcome: how it ended: `ok`, `done`, `failed`, `forced`, `not ended`.
        seconds: how long it took; None when nobody said.
        hosts: where.
        run: as part of which run; empty for none.
        step: which step; empty for all of it.
        reason: why, or what came of it.
    """

    at: str
    who: str
    task: str
    version: str
    outcome: str
    seconds: float | None
    hosts: tuple[str, ...]
    run: str = ""
    step: str = ""
    reason: str = ""


def deeds(runs: Iterable[Run], entries: Iterable[Entry]) -> list[Deed]:
    """Return what was done, the newest last.

    A run is one deed, from its record if that is here, else from what the journals say of it; what scripts wrote there
    for it is part of it. What the same person did on several hosts at about the same time is one deed, too.

    Args:
        runs: the records of this machine.
        entries: the lines of the hosts' journals.
    """
    recorded = [of_run(run) for run in runs]
    known = {deed.run for deed in recorded}
    elsewhere: dict[str, list[Entry]] = defaultdict(list)
    plain = []
    for entry in entries:
        if not entry.run:
            plain.append(entry)
        elif entry.run not in known:
            elsewhere[entry.run].append(entry)
    whole = [*recorded, *map(_of_journals, elsewhere.values())]
    return sorted([*whole, *_together(_others(plain, whole))], key=_age)


def steps(runs: Iterable[Run], entries: Iterable[Entry], host: str) -> list[Deed]:
    """Return what was done on one host, step by step, the newest last; see `deeds`."""
    runs = list(runs)
    known = {run.id for run in runs}
    recorded = [deed for run in runs for deed in _steps(run, host)]
    written = [_of_entry(entry) for entry in entries if entry.host == host and entry.run not in known]
    return sorted([*recorded, *written], key=_age)


def of_run(run: Run) -> Deed:
    """Return a run as one deed."""
    return Deed(
        at=moment(run.at),
        who=run.who,
        task=run.task,
        version=run.version,
        outcome=run.end.outcome if run.end else UNFINISHED,
        seconds=run.seconds,
        hosts=tuple(member.host for member in run.members),
        run=run.id,
        reason=run.end.message if run.end else "",
    )


def _steps(run: Run, host: str) -> Iterable[Deed]:
    whole = of_run(run)
    versions = {member.host: member.to for member in run.members}
    words = {"ended": "ok", "failed": "failed", "note": "note"}
    for event in run.steps:
        if event.host == host and event.kind != "began":
            yield replace(
                whole,
                at=moment(event.at),
                version=versions.get(host, run.version),
                outcome=words[event.kind],
                seconds=event.seconds,
                hosts=(host,),
                step=event.step,
                reason=event.text,
            )


def _of_entry(entry: Entry) -> Deed:
    return Deed(
        at=entry.at,
        who=entry.who,
        task=entry.action,
        version=entry.version,
        outcome=UNFINISHED if entry.outcome == "began" else entry.outcome,
        seconds=entry.seconds or None,
        hosts=(entry.host,),
        run=entry.run,
        step=entry.step,
        reason=entry.reason,
    )


def _of_journals(entries: Sequence[Entry]) -> Deed:
    """Return what the journals say of a run whose record is on another machine."""
    ordered = sorted(entries, key=lambda entry: _seconds(entry.at))
    hosts = dict.fromkeys(entry.host for entry in ordered)
    ends = {entry.host: entry for entry in ordered if not entry.step and entry.outcome != "began"}
    wrong = [entry for entry in ends.values() if entry.outcome != "ok"]
    outcome = wrong[0].outcome if wrong else UNFINISHED if set(hosts) - set(ends) else "ok"
    return replace(
        _of_entry(ordered[0]),
        outcome=outcome,
        seconds=_seconds(ordered[-1].at) - _seconds(ordered[0].at),
        hosts=tuple(hosts),
        step="",
        reason="; ".join(dict.fromkeys(entry.reason for entry in wrong if entry.reason)),
    )


def _others(entries: Iterable[Entry], runs: Iterable[Deed]) -> Iterator[Entry]:
    """Yield what is no part of these runs: somebody else's, or from before or after them, or from other hosts."""
    spans = defaultdict(list)
    for run in runs:
        spans[run.who].append((_age(run) - CLOCKS, _age(run) + (run.seconds or 0.0) + CLOCKS, frozenset(run.hosts)))
    for entry in entries:
        at = _seconds(entry.at)
        if not any(start <= at <= end and entry.host in hosts for start, end, hosts in spans[entry.who]):
            yield entry


def _together(entries: Iterable[Entry]) -> list[Deed]:
    made: list[Deed] = []
    newest: dict[tuple[str, ...], int] = {}
    for deed in sorted(map(_of_entry, entries), key=_age):
        alike = (deed.who, deed.task, deed.version, deed.outcome, deed.reason)
        at = newest.get(alike)
        if at is not None and _age(deed) - _age(made[at]) <= TOGETHER and deed.hosts[0] not in made[at].hosts:
            made[at] = replace(made[at], hosts=made[at].hosts + deed.hosts)
        else:
            newest[alike] = len(made)
            made.append(deed)
    return made


def _age(deed: Deed) -> float:
    return _seconds(deed.at)


def _seconds(at: str) -> float:
    try:
        return datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return 0.0
