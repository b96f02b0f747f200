"""The order of versions: semantic versioning's, made total and wide enough for what people really tag."""

from __future__ import annotations

import re

_Token = tuple[int, int, str]
_Identifier = tuple[int, tuple[_Token, ...]]
_Identifiers = tuple[_Identifier, ...]
Key = tuple[tuple[_Token, ...], int, _Identifiers, _Identifiers, str]

_VERSION = re.compile(r"(?P<core>[0-9]+(?:\.[0-9]+)*)?[-~.]?(?P<pre>[^+]*)(?:\+(?P<meta>.*))?", re.DOTALL)
_TOKEN = re.compile(r"[0-9]+|[^0-9]+")


def key(version: str) -> Key:
    """Return what versions sort by.

    Numbers count as numbers, any number of them (`1.2` < `1.2.0.1` < `1.10`); what follows them is a
    pre-release (`1.0.0-rc.9` < `1.0.0-rc.10` < `1.0.0`, and so are `~rc1` and `rc1`); what follows `+` comes
    after the version without it. A version without a leading number is older than all that have one.
    Equal keys mean equal text.
    """
    match = _VERSION.fullmatch(version)
    assert match is not None  # noqa: S101  # every part of the pattern is optional
    pre = match["pre"]
    return (
        _core(match["core"] or ""),
        0 if pre else 1,
        _identifiers(pre),
        _identifiers(match["meta"]),
        version,
    )


def _core(text: str) -> tuple[_Token, ...]:
    numbers = [_token(part) for part in text.split(".") if part]
    while len(numbers) > 1 and not numbers[-1][2]:
        numbers.pop()
    return tuple(numbers)


def _identifiers(text: str | None) -> _Identifiers:
    return () if text is None else tuple(_identifier(part) for part in text.split("."))


def _identifier(text: str) -> _Identifier:
    tokens = tuple(_token(token) for token in _TOKEN.findall(text))
    return (1 if any(rank for rank, _, _ in tokens) else 0), tokens


def _token(text: str) -> _Token:
    # A number is compared by its length and then by its digits: Python reads no integers of over 4300 digits.
    if not text[0].isascii() or not text[0].isdigit():
        return 1, 0, text
    digits = text.lstrip("0")
    return 0, len(digits), digits
