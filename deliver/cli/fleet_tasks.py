"""The tasks about an environment as a whole: its lock, and what was done there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from deliver.cli.command import Run, command

if TYPE_CHECKING:
    from deliver.config.schema import Host
    from deliver.remote.fleet import Outcome
    from deliver.remote.session import Session
    from deliver.rollout.history import Deed
    from deliver.rollout.journal import Entry

_ON = "The environment."
#: Lines that are read of each journal, for each row that is shown: a run writes a dozen of them.
_LINES = 12


@command(
    help={
        "on": _ON,
        "message": "Why: everybody is told who meets the lock.",
        "lock_wait": "Seconds to wait while somebody else has it.",
    }
)
def lock(run: Run, *, on: str = "", message: str = "", lock_wait: int = 0) -> None:
    """Lock an environment: no roll begins there until `unlock`."""
    from deliver.cli import select
    from deliver.errors import UsageError
    from deliver.rollout.lock import leave

    environment = select.environment(run.config, on, secrets=False)
    if not message:
        raise UsageError("why is it locked?", hint="say it with --message: everybody is told who meets the lock")
    with _sessions(run) as reach:
        host = leave(environment, run.config.app, message, reach, wait=lock_wait, report=run.out)
    run.out.done(f"{on} is locked, on {host}, until: unlock --on {on}", {"environment": on, "host": host})


@command(
    help={
        "on": _ON,
        "force": "Also when somebody else has it; a roll that has it stops before its next host.",
        "reason": "Why: it is written into the journal, and told to the one who had it.",
    }
)
def unlock(run: Run, *, on: str = "", force: bool = False, reason: str = "") -> None:
    """Unlock an environment that you have locked; with --force, one that anybody has."""
    from deliver.cli import select
    from deliver.errors import UsageError
    from deliver.rollout.lock import free, told

    environment = select.environment(run.config, on, secrets=False)
    if force and not reason:
        raise UsageError("why is it taken away?", hint="say it with --reason: it is told to the one who has the lock")
    with _sessions(run) as reach:
        freed = free(environment, run.config.app, reach, run.out, force=force, reason=run.out.mask(reason))
    for found in freed:
        run.out.note(f"it was: {told(on, found)}")
    document = [{"host": found.host, "holder": asdict(found.holder)} for found in freed]
    run.out.done(f"{on} is unlocked" if freed else f"nobody has locked {on}", document)


@command(
    help={
        "on": _ON,
        "host": "Step by step what was done on this host.",
        "last": "How many of the last rows.",
    }
)
def history(run: Run, *, on: str = "", host: str = "", last: int = 20) -> None:
    """Show what was done in an environment, by whom, and how it ended; the newest last."""
    from deliver.cli import select
    from deliver.errors import UsageError
    from deliver.remote.fleet import raise_failures
    from deliver.rollout import history as past
    from deliver.rollout import record

    if last < 1:
        raise UsageError("--last needs a number from 1 on")
    environment = select.environment(run.config, on, secrets=False)
    outcomes = _journals(run, select.hosts(environment, (host,) if host else (), ()), last * _LINES)
    entries = [entry for outcome in outcomes for entry in outcome.value or () if entry.environment in {"", on}]
    runs = record.runs(record.place(run.config.file), on)
    found = past.steps(runs, entries, host) if host else past.deeds(runs, entries)
    _show(run, found[-last:], with_steps=bool(host))
    raise_failures(outcomes)


def _show(run: Run, found: Sequence[Deed], *, with_steps: bool) -> None:
    columns = ["when", "who", "task", "step" if with_steps else "hosts", "version", "outcome", "seconds", "why"]
    rows = [
        [
            deed.at,
            deed.who,
            deed.task,
            deed.step if with_steps else ", ".join(deed.hosts),
            deed.version,
            deed.outcome,
            None if deed.seconds is None else round(deed.seconds, 1),
            deed.reason.partition("\n")[0],
        ]
        for deed in found
    ]
    run.out.table("", columns, rows, [asdict(deed) for deed in found])


def _journals(run: Run, hosts: Sequence[Host], last: int) -> list[Outcome[list[Entry]]]:
    from deliver.remote.connect import connect
    from deliver.remote.fleet import each
    from deliver.rollout.journal import read

    def ask(host: Host) -> list[Entry]:
        with connect(host, run.config.ssh, run.out) as session:
            return read(session, host, run.config.app, last)

    return each(hosts, ask, name=lambda one: one.name, limit=run.config.ssh.parallel)


@contextmanager
def _sessions(run: Run) -> Iterator[Callable[[Host], Session]]:
    """Return what opens sessions to hosts; all are closed at the end."""
    from contextlib import ExitStack

    from deliver.remote.connect import connect

    with ExitStack() as stack:
        yield lambda host: stack.enter_context(connect(host, run.config.ssh, run.out))
