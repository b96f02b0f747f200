"""How the rooms tell what they are doing, without printing: `cli` decides what a person or a machine sees."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Protocol

_UNITS = ((86_400 * 365, "y"), (86_400, "d"), (3600, "h"), (60, "min"))


class Report(Protocol):
    """Takes the story of a run as it happens; safe to call from several threads."""

    def step(self, where: str, what: str) -> None:
        """Tell one step, at the host `where`, in a few words: `compiled in 3.2 s`."""

    def warn(self, what: str) -> None:
        """Tell something that the operator should know and that stops nothing."""

    def progress(self, where: str, done: int, total: int) -> None:
        """Tell how many bytes of how many have gone to or come from the host `where`."""

    def log(self, where: str, text: bytes) -> None:
        """Keep output of a command on the host `where`; shown when the operator wants to see all."""

    def script(self, where: str, name: str, shown: str) -> None:
        """Tell that a script runs on the host `where`; `shown` is its text with secrets masked."""


class Silent:
    """A report that nobody reads."""

    def step(self, where: str, what: str) -> None:
        """Drop it."""

    def warn(self, what: str) -> None:
        """Drop it."""

    def progress(self, where: str, done: int, total: int) -> None:
        """Drop it."""

    def log(self, where: str, text: bytes) -> None:
        """Drop it."""

    def script(self, where: str, name: str, shown: str) -> None:
        """Drop it."""


def age(moment: str, now: datetime | None = None) -> str:
    """Return how long ago an RFC 3339 time was, in its largest whole unit: `3 d`; empty for what is no time."""
    try:
        then = datetime.fromisoformat(moment.replace("Z", "+00:00"))
    except ValueError:
        return ""
    seconds = int(((now or datetime.now(timezone.utc)) - then).total_seconds())
    for length, unit in _UNITS:
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{max(0, seconds)} s"
