"""Running a script that changes a node, and reading how it ended."""

from __future__ import annotations

from dataclasses import dataclass

from deliver.config.schema import Host
from deliver.errors import LockedError
from deliver.remote.pump import failure
from deliver.remote.script import Script
from deliver.remote.session import Session
from deliver.remote.who import told as holder_told

#: The exit status of a script that found the host's lock taken.
LOCKED = 75


@dataclass(frozen=True)
class Told:
    """What a script says in the end.

    Args:
        outcome: in one word.
        values: what belongs to it.
        log: the last lines of the node's log, where they tell why.
        facts: all else that it said, key by key.
        output: what it wrote on stderr, its last lines.
    """

    outcome: str
    values: tuple[str, ...]
    log: tuple[str, ...]
    facts: tuple[tuple[str, tuple[str, ...]], ...] = ()
    output: str = ""


def run(session: Session, host: Host, made: Script, *, deadline: float = 60.0) -> Told:
    """Run `made` on `host`, and return its outcome.

    Raises:
        LockedError: somebody else works on the host.
        RemoteError: the script failed.
        DeadlineError: it did not end in time, or the connection was lost.
    """
    done = session.run(made, deadline=deadline, check=False)
    said = list(done.facts())
    if done.status == LOCKED:
        holder = next((values[0] for key, values in said if key == "locked"), "")
        raise LockedError(f"{host.name}: {holder_told(holder)} is at work there", hint="try again later")
    outcomes = [values for key, values in said if key == "outcome"]
    if done.status != 0 or not outcomes:
        raise failure(host.name, made, done.status, done.stderr)
    log = tuple(values[0] for key, values in said if key == "log" and values)
    facts = tuple((key, tuple(values)) for key, values in said if key not in {"outcome", "log"})
    return Told(outcomes[-1][0], tuple(outcomes[-1][1:]), log, facts, done.stderr)
