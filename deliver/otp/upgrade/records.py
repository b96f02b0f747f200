"""Records whose fields change while processes hold them in their states. Pure.

A record is a tuple to whoever runs: when only the order of its fields changes, or their meaning, nothing but the
compiler knows. So it is told from the debug information of both releases.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from deliver.otp.upgrade.changes import Changes
from deliver.otp.upgrade.kinds import changes_state, kind
from deliver.otp.upgrade.snapshot import Process

Fields = tuple[str, ...]
#: What the record of a state is called where no process shows it; or as its module.
_USUAL = frozenset({"state", "data"})


def record_reasons(changes: Changes, processes: Iterable[Process], told: Collection[str] = ()) -> Iterator[str]:
    """Yield the records that change while nothing changes the states that hold them.

    Args:
        changes: what differs.
        processes: those of both releases, freshly booted.
        told: modules that developers' appups speak of.
    """
    all_processes = list(processes)
    callbacks = frozenset(name for one in all_processes for name in _callbacks(one))
    for name in sorted(callbacks | changes.changed):
        if name not in changes.new_modules or name in told or _migrates(changes, name):
            continue
        held = {tag for one in all_processes if name in _callbacks(one) for tag in tags(one.state)}
        own = {"server": _USUAL | {name}}.get(_kind(changes, name, callbacks), frozenset())
        for record, (old, new) in sorted(differing(changes, name).items()):
            if record in (held or own):
                yield (
                    f"{name} holds the record {record} in its state, whose fields change from {_listed(old)} to"
                    f" {_listed(new)}, and has no code_change for it"
                )


def differing(changes: Changes, name: str) -> Mapping[str, tuple[Fields, Fields]]:
    """Return the records that differ, old and new, as a module knows them; as changed ones know them where it does not.

    Args:
        changes: what differs.
        name: the module.
    """
    own = _records(changes, name)
    known = changes.new_modules[name][1].records if name in changes.new_modules else {}
    others = (item for one in sorted(changes.changed) for item in _records(changes, one).items())
    return {**{record: both for record, both in others if record not in {*known, *_USUAL}}, **own}


def tags(shape: Any) -> Iterator[str]:
    """Yield the first elements, where they are atoms, of all tuples in the shape of a state."""
    if not isinstance(shape, Mapping):
        return
    parts = shape.get("tuple", ())
    if parts and isinstance(parts[0], Mapping) and "atom" in parts[0]:
        yield str(parts[0]["atom"])
    for inner in (*parts, *shape.get("keys", {}).values(), *shape.get("map", {}).values()):
        yield from tags(inner)


def _records(changes: Changes, name: str) -> dict[str, tuple[Fields, Fields]]:
    if name not in changes.old_modules or name not in changes.new_modules:
        return {}
    old, new = (side[name][1].records for side in (changes.old_modules, changes.new_modules))
    return {record: (old[record], new[record]) for record in old if record in new and old[record] != new[record]}


def _callbacks(process: Process) -> tuple[str, ...]:
    return process.handlers or (process.callback,)


def _migrates(changes: Changes, name: str) -> bool:
    return name in changes.changed and changes_state(changes.new_modules[name][1])


def _kind(changes: Changes, name: str, callbacks: frozenset[str]) -> str:
    return kind([side[name][1] for side in (changes.old_modules, changes.new_modules) if name in side], callbacks)


def _listed(fields: Fields) -> str:
    return f"({', '.join(fields)})"
