"""Which version was the last good one, as the journals of hosts tell it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from deliver.errors import UsageError
from deliver.rollout.journal import Entry

#: The action of a journal's line that says: a whole roll to this version came to its end.
GOOD = "good"
#: That of the lines about a host that a roll takes back.
UNDO = "undo"
#: What brings a version to run outside of any roll.
_STARTS = frozenset({"start", "commit"})
#: How many lines of a journal are looked at.
LINES = 400


def line(entries: Iterable[Entry]) -> list[str]:
    """Return the versions that were good on one host, the newest last; going back to one forgets what came after it."""
    versions: list[str] = []
    run = ""
    for entry in entries:
        if entry.outcome == "began" and entry.run:
            run = entry.run
        elif entry.run == run and not entry.step:
            run = ""
        if entry.version and (entry.action == GOOD or (not run and entry.action in _STARTS and entry.outcome == "ok")):
            known = versions.index(entry.version) if entry.version in versions else len(versions)
            versions = [*versions[:known], entry.version]
    return versions


def tried(entries: Iterable[Entry]) -> str:
    """Return the version that the last roll on one host was to, if that roll did not come to its end."""
    version = ""
    for entry in entries:
        if entry.action == GOOD:
            version = ""
        elif entry.run and entry.version and entry.action != UNDO:
            version = entry.version
    return version


def before(journals: Mapping[str, Sequence[Entry]], running: Mapping[str, str]) -> str:
    """Return the version to go back to: one for all hosts; empty when the journals do not tell.

    Args:
        journals: the lines of each host's journal, the oldest first.
        running: the version that each host runs; empty for none.

    Raises:
        UsageError: hosts would go back to different versions.
    """
    is_mixed = len(set(running.values())) > 1
    if not is_mixed and {tried(entries) for entries in journals.values()} - {"", *running.values()}:
        return next(iter(running.values()))  # what was tried last has been taken back already
    found: dict[str, list[str]] = {}
    for host, entries in journals.items():
        versions = line(entries)
        if not is_mixed and running[host] in versions:
            versions = versions[: versions.index(running[host])]
        if versions:
            found.setdefault(versions[-1], []).append(host)
    if len(found) > 1:
        told = "; ".join(f"{version} for {', '.join(hosts)}" for version, hosts in found.items())
        raise UsageError(
            f"no one version was the last good one everywhere: {told}",
            hint=f"say which with --version: {', '.join(found)}",
        )
    return next(iter(found), "")
