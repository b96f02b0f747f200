"""Where in a TOML text a key stands, found with the TOML reader itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tomli


def line_of(text: str, path: Sequence[str]) -> int:
    """Return the line, from 1, where the statement begins that defines `path`, or else the nearest table above it.

    The shortest run of first lines that is TOML and has the key ends where its statement ends; the longest
    shorter one that is TOML ends before it.
    """
    lines = text.splitlines(keepends=True)
    for length in range(len(path), 0, -1):
        end = _first_with(lines, path[:length])
        if end:
            return 1 + max(count for count in range(end) if _parsed(lines[:count]) is not None)
    return 1


def _first_with(lines: list[str], path: Sequence[str]) -> int:
    for count in range(1, len(lines) + 1):
        table = _parsed(lines[:count])
        if table is not None and has(table, path):
            return count
    return 0


def _parsed(lines: list[str]) -> dict[str, Any] | None:
    try:
        return tomli.loads("".join(lines))
    except tomli.TOMLDecodeError:
        return None


def has(table: Any, path: Sequence[str]) -> bool:
    """Whether a table has a key, part by part."""
    for key in path:
        if not isinstance(table, dict) or key not in table:
            return False
        table = table[key]
    return True
