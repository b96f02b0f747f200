"""Putting one more version into an appup that people wrote, with all else in it left as it is. Pure.

Only the outline of the file is read, brackets and commas, so that comments and layout stay, and so that no Erlang is
needed on the operator's machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deliver.errors import UsageError

_TOKEN = re.compile(
    r"""(?P<blank>\s+|%[^\n]*)
      | (?P<open><<|[\[{(]) | (?P<close>>>|[\]})]) | (?P<comma>,)
      | (?P<word>"(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | \$\\?. | [^\s%<>\[\]{}(),"']+ | .)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class _Part:
    """A term in the text: from where to where, and the terms in it."""

    start: int
    end: int
    inner: tuple[_Part, ...] = ()


def merge(name: str, present: str, ours: str, *, force: bool = False) -> str:
    """Return an appup that has what `ours` says of its one version too.

    Args:
        name: of the present file, for messages.
        present: what it holds.
        ours: an appup of one version each way.
        force: whether what the file says of that version is replaced, and a file of another version as a whole.

    Raises:
        UsageError: the file is no appup, or is of another version.
    """
    before, added = _outline(name, present), _outline(name, ours)
    if _text(present, before[0]) != _text(ours, added[0]):
        if force:
            return ours
        raise UsageError(
            f"{name} is of version {_text(present, before[0])}, not {_text(ours, added[0])}",
            hint="what it says leads to another version: --force replaces it",
        )
    merged = present
    for there, here in reversed(list(zip(before[1:], added[1:], strict=True))):
        merged = _with(merged, there, ours[here.inner[0].start : here.inner[0].end], force=force)
    return merged


def _with(text: str, entries: _Part, entry: str, *, force: bool) -> str:
    key = _key(entry)
    for one in entries.inner:
        if _key(text[one.start : one.end]) == key:
            return text[: one.start] + entry + text[one.end :] if force else text
    # At the end: a regular expression of theirs that matches the version goes on to count.
    at = entries.inner[-1].end if entries.inner else entries.start + 1
    return f"{text[:at]}{f',{chr(10)}  ' if entries.inner else ''}{entry}{text[at:]}"


def _key(entry: str) -> str:
    parts = _parsed(entry)
    return _text(entry, parts[0].inner[0]) if parts and parts[0].inner else ""


def _text(text: str, part: _Part) -> str:
    return text[part.start : part.end]


def _outline(name: str, text: str) -> Sequence[_Part]:
    """Return the version and both lists of an appup."""
    parts = _parsed(text)
    whole = parts[0].inner if parts else ()
    is_appup = len(whole) == 3 and all(text[one.start] == "[" for one in whole[1:])  # noqa: PLR2004  # as appup(5) says
    if not is_appup:
        raise UsageError(f"{name} is no appup: {{Version, [UpFrom], [DownTo]}}.", hint="correct it, or remove it")
    return whole


def _parsed(text: str) -> tuple[_Part, ...]:
    tokens = ((found.lastgroup or "", found.start(), found.end()) for found in _TOKEN.finditer(text))
    return _terms(one for one in tokens if one[0] != "blank")[0]


def _terms(tokens: Iterator[tuple[str, int, int]]) -> tuple[tuple[_Part, ...], int]:
    """Return the terms up to the bracket that closes, and where that ends."""
    found: list[_Part] = []
    current: list[_Part] = []
    for group, start, end in tokens:
        if group == "open":
            inner, closed = _terms(tokens)
            current.append(_Part(start, closed, inner))
        elif group == "word":
            current.append(_Part(start, end))
        else:
            found += _joined(current)
            current = []
        if group == "close":
            return tuple(found), end
    return (*found, *_joined(current)), -1


def _joined(parts: Sequence[_Part]) -> list[_Part]:
    # `a:b` or a term with its full stop is of several parts; only one in brackets has terms in it.
    return [_Part(parts[0].start, parts[-1].end, parts[0].inner)] if parts else []
