"""Bytes, for people."""

from __future__ import annotations


def size(count: int) -> str:
    """Return a number of bytes in decimal units: `12.3 MB`."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:  # noqa: PLR2004  # what kilo means
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
