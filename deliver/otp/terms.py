"""Erlang terms as text, to stand in expressions that a node evaluates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from deliver.otp.releases_file import atom, string


class Atom(str):
    """Text that is an atom in Erlang; any other text is a string there."""

    __slots__ = ()


def write(term: Any) -> str:
    """Return a term as Erlang reads it, in ASCII, so that no encoding can change it.

    Text is a string, bytes are a binary, booleans are atoms; lists, tuples and mappings are what they are in Erlang.

    Raises:
        TargetError: a text is not UTF-8.
        TypeError: there is no such term in Erlang.
    """
    # A boolean is a number, and an atom of ours is a text: they come first.
    if isinstance(term, bool):
        return "true" if term else "false"
    if isinstance(term, int):
        return str(term)
    if isinstance(term, str):
        return atom(term) if isinstance(term, Atom) else string(term)
    if isinstance(term, bytes):
        return f"<<{','.join(str(byte) for byte in term)}>>"
    return _compound(term)


def _compound(term: Any) -> str:
    if isinstance(term, list):
        return f"[{_written(term)}]"
    if isinstance(term, tuple):
        return f"{{{_written(term)}}}"
    if isinstance(term, Mapping):
        return f"#{{{','.join(f'{write(key)} => {write(value)}' for key, value in term.items())}}}"
    raise TypeError(f"{type(term).__name__} cannot be written for Erlang")


def _written(terms: Iterable[Any]) -> str:
    return ",".join(write(one) for one in terms)
