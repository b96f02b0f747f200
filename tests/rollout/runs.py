"""Runs as their records tell them, made up for tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from deliver.rollout.events import Event, Standing, Step
from deliver.rollout.record import End, Ended, Member, Run

BEGAN = 1_764_453_183.0
MEND = "invoke release --version 0.2.0 --to production --resume"
RESTART: tuple[tuple[Step, float], ...] = (
    ("check", 0.1),
    ("drain", 2.0),
    ("stop", 1.0),
    ("start", 2.0),
    ("health", 5.0),
    ("undrain", 0.5),
)


def restarted(host: str, batch: int, at: float, fails: Step | None = None, text: str = "") -> list[Event]:
    """Return what is told of one restart, which may fail in one step."""
    told = []
    for step, seconds in RESTART:
        told.append(Event(step, "began", host, batch, at=at))
        at += seconds
        told.append(Event(step, "failed" if step == fails else "ended", host, batch, seconds, text, at))
        if step == fails:
            break
    return told


def rolled(
    batches: Sequence[Sequence[str]], fails: Mapping[str, str] | None = None, pause: float = 10.0
) -> list[Event]:
    """Return what is told of a roll that ends after the batch in which a host fails, in `health`, with its text."""
    told, at, failures = [], BEGAN + 1.0, fails or {}
    for number, hosts in enumerate(batches, 1):
        told.append(Event("batch", "began", batch=number, at=at))
        for host in hosts:
            told += restarted(host, number, at, "health" if host in failures else None, failures.get(host, ""))
        has_failed = any(host in failures for host in hosts)
        at += 11.0
        told.append(Event("batch", "failed" if has_failed else "ended", batch=number, seconds=11.0, at=at))
        if has_failed:
            break
        told.append(Event("pause", "ended", seconds=pause, at=at + pause))
        at += pause
    return sorted(told, key=lambda event: event.at)


def run(batches: Sequence[Sequence[str]], steps: Iterable[Event]) -> Run:
    """Return a run that was killed after these steps."""
    return Run(
        "20251129T215303Z-9f1c",
        "release",
        "shop",
        "production",
        "0.2.0",
        who="ada@laptop",
        machine="laptop",
        pid=4211,
        at=BEGAN,
        command=("invoke", "release", "--tag", "v0.2.0", "--to", "production"),
        members=tuple(
            Member(host, "a", "restart", "0.1.0", "0.2.0", "restart", ("stdlib changes",))
            for hosts in batches
            for host in hosts
        ),
        batches=tuple(map(tuple, batches)),
        steps=tuple(steps),
    )


def done(batches: Sequence[Sequence[str]]) -> Run:
    """Return a run that went well."""
    began = run(batches, rolled(batches))
    hosts = tuple(Ended(member.host, "new", "0.2.0", "0.2.0") for member in began.members)
    return replace(began, end=End("done", hosts=hosts, fleet="all new", at=began.steps[-1].at))


def failed(batches: Sequence[Sequence[str]], fails: Mapping[str, str]) -> Run:
    """Return a run that stopped because hosts failed, which are down since."""
    began = run(batches, rolled(batches, fails))
    changed = {step.host for step in began.steps}
    standings: dict[str, Standing] = {
        host: "down" if host in fails else "new" if host in changed else "old" for hosts in batches for host in hosts
    }
    versions = {"new": "0.2.0", "old": "0.1.0"}
    hosts = tuple(Ended(host, standing, versions.get(standing, ""), "0.2.0") for host, standing in standings.items())
    end = End("failed", 3, "a host failed", MEND, hosts, "MIXED", began.steps[-1].at)
    return replace(began, end=end)
