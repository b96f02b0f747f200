"""Bytes and times, for people."""

from __future__ import annotations

from datetime import datetime, timezone

_UNITS = ((86_400 * 365, "y"), (86_400, "d"), (3600, "h"), (60, "min"))


def size(count: int) -> str:
    """Return a number of bytes in decimal units: `12.3 MB`."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:  # noqa: PLR2004  # what kilo means
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


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
