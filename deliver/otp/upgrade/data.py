"""What processes keep through an upgrade as data, though it is made of the old code: functions, and structs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from deliver.otp.upgrade.changes import Changes
from deliver.otp.upgrade.facts import Module
from deliver.otp.upgrade.kinds import kind
from deliver.otp.upgrade.pair import Finding
from deliver.otp.upgrade.snapshot import Process, Snapshot
from deliver.otp.upgrade.tree import spoken


def changed_structs(changes: Changes) -> dict[str, tuple[str, ...]]:
    """Return the keys of each struct that both releases have, and not with the same keys, as the new one has them."""
    return {name: after for name, (_, after) in _structs(changes).items()}


def struct_findings(changes: Changes, callbacks: Iterable[str]) -> Iterator[Finding]:
    """Yield structs whose keys change, with the callback modules of processes that know them."""
    known = set(callbacks)
    modules = [one for _, one in changes.new_modules.values() if one.name in known or kind([one]) == "server"]
    for name, (before, after) in sorted(_structs(changes).items()):
        knows = sorted(one.name for one in modules if name in {one.name, *one.calls, *one.mentions})
        more = f"; those of {', '.join(knows)} may, which know it" if knows else ""
        text = f"its struct changes: {_difference(before, after)}. One that a process keeps stays as it is{more}"
        yield Finding("warning" if knows else "note", name, text)


def kept_structs(now: Snapshot, structs: Mapping[str, tuple[str, ...]]) -> Iterator[Finding]:
    """Yield processes whose state has structs that are not as the code that runs now defines them."""
    for process in now.tree:
        for name in sorted(process.structs.keys() & structs.keys()):
            wanted = structs[name]
            other = next((tuple(one) for one in process.structs[name] if tuple(one) != wanted), None)
            if other is not None:
                text = f"in its state, a {_short(name)} is of before: {_difference(other, wanted, 'lacks')}"
                yield Finding("error", spoken(process.path), f"{text}; it needs a code_change")


def kept_functions(now: Snapshot, before: Snapshot) -> Iterator[Finding]:
    """Yield processes that keep functions of code that is not there any more."""
    known = {one.path: one.stale for one in before.tree}
    for process in now.tree:
        for name in process.stale:
            level = "warning" if name in known.get(process.path, ()) else "error"
            text = f"keeps {_kept_in(process)} a function of {_short(name)} as it was before: to call it fails"
            yield Finding(level, spoken(process.path), text)  # type: ignore[arg-type]


def _kept_in(process: Process) -> str:
    return "in its state" if process.supervisor is None else "in a child spec"


def _structs(changes: Changes) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    pairs = ((name, changes.old_modules[name][1], changes.new_modules[name][1]) for name in changes.changed)
    return {name: keys for name, old, new in pairs if (keys := _both(old, new))}


def _both(old: Module, new: Module) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    if old.struct is None or new.struct is None or old.struct == new.struct:
        return None
    return old.struct, new.struct


def _difference(before: tuple[str, ...], after: tuple[str, ...], lacks: str = "gets") -> str:
    more, gone = ([one for one in side if one not in other] for side, other in ((after, before), (before, after)))
    parts = [f"it {lacks} {', '.join(more)}"] if more else []
    has = "loses" if lacks == "gets" else "still has"
    return " and ".join([*parts, *([f"it {has} {', '.join(gone)}"] if gone else [])])


def _short(name: str) -> str:
    return name.removeprefix("Elixir.")
