"""How long an upgrade held processes: measured on the node, by marks in the relup. Pure.

The pause of a group of modules lasts from before its first process is asked to stop until all of them go on again: no
process stood longer, and one that was asked last, or that was let go first, stood for less. Where children are given
inline, their top supervisor stands for a moment while it is told the new ones. Instructions of other tools' appups are
marked like ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deliver.otp.upgrade.snapshot import Snapshot

#: Modules that one line names.
_NAMED = 3


@dataclass(frozen=True)
class Pause:
    """One group of processes that stood.

    Args:
        modules: theirs, sorted.
        microseconds: how long.
    """

    modules: tuple[str, ...]
    microseconds: int

    def __str__(self) -> str:
        names = [name.removeprefix("Elixir.") for name in self.modules]
        rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return f"{self.milliseconds:g} ms: {', '.join(names[:_NAMED])}{rest}"

    @property
    def milliseconds(self) -> float:
        """How long, as people say it."""
        return round(self.microseconds / 1000, 1 if self.microseconds < 100_000 else 0)  # noqa: PLR2004


def pauses(after: Snapshot) -> tuple[Pause, ...]:
    """Return the pauses of the upgrade that led to a node, the longest one first."""
    found = [Pause(tuple(one["modules"]), one["microseconds"]) for one in after.pauses]
    return tuple(sorted(found, key=lambda one: one.microseconds, reverse=True))


def longest(found: Sequence[Pause]) -> str:
    """Return what to say of pauses, which begin with the longest one; nothing when nothing stood."""
    return f"longest pause {found[0]}" if found else ""


def held(milliseconds: float) -> str:
    """Return what to say of the longest pause of an upgrade; 0 when no process was held."""
    return f"no process was held for more than {milliseconds:g} ms" if milliseconds else "no process was held"
