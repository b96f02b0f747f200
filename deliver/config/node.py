"""One value of the file, with where it came from, so that whoever finds it wrong can say where it stands."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deliver.config.locate import has, line_of
from deliver.errors import ConfigError

if TYPE_CHECKING:
    from typing_extensions import Self

_BARE = re.compile(r"[A-Za-z0-9_-]+")


class Given(str):
    """A value that came as text, from the command line or the environment.

    Args:
        text: the value.
        origin: `--set build.host` or `DELIVER_BUILD_HOST`.
    """

    __slots__ = ("origin",)

    def __new__(cls, text: str, origin: str) -> Self:
        """Make the text, and remember its origin."""
        made = super().__new__(cls, text)
        made.origin = origin
        return made

    origin: str

    @property
    def is_variable(self) -> bool:
        """Whether it came from the environment."""
        return not self.origin.startswith("--")


@dataclass(frozen=True)
class Source:
    """A file of configuration, as it was read.

    Args:
        file: which.
        text: what it holds.
        table: what the TOML reader made of that, before anything was put over it.
        environ: the variables that values may name.
    """

    file: Path
    text: str
    table: Mapping[str, Any]
    environ: Mapping[str, str]


@dataclass(frozen=True)
class Node:
    """A value at a key.

    Args:
        source: the file.
        path: the key, part by part; empty for the whole file.
        value: what the TOML reader made of it, or `Given` text.
    """

    source: Source
    path: tuple[str, ...]
    value: Any

    def error(self, problem: str, *, hint: str = "") -> ConfigError:
        """Return an error that names where this value stands."""
        origin = self._origin()
        if origin:
            return ConfigError(f"{origin}: {problem}", hint=hint)
        where = f"{self.source.file}:{line_of(self.source.text, self.path)}"
        return ConfigError(
            f"{where}: {dotted(self.path)}: {problem}" if self.path else f"{where}: {problem}", hint=hint
        )

    def _origin(self) -> str:
        given = next(_givens(self.value), None)
        if given is None or (given is not self.value and has(self.source.table, self.path)):
            return ""
        return given.origin

    def child(self, key: str) -> Node:
        """Return the value at `key` of this table; None for one that is missing."""
        return Node(self.source, (*self.path, key), self.value.get(key))

    def table(self) -> dict[str, Node]:
        """Return the values of this table by key.

        Raises:
            ConfigError: this is no table.
        """
        if not isinstance(self.value, dict):
            raise self.error(f"must be a table, not {kind(self.value)}")
        return {key: self.child(key) for key in self.value}

    def refuse_others(self, known: Iterable[str], elsewhere: Mapping[str, str]) -> None:
        """Refuse keys of this table that are not `known`.

        Args:
            known: the keys that may be here.
            elsewhere: for a key of another table, that table's name.

        Raises:
            ConfigError: there is such a key.
        """
        names = sorted(known)
        for key, child in self.table().items():
            if key not in names:
                raise child.error("there is no such key", hint=_advice(key, names, elsewhere))


def _givens(value: Any) -> Iterator[Given]:
    if isinstance(value, Given):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _givens(item)


def dotted(path: Iterable[str]) -> str:
    """Return a key as TOML writes it."""
    return ".".join(part if _BARE.fullmatch(part) else f'"{part}"' for part in path)


def kind(value: Any) -> str:
    """Return what a TOML value is, in words."""
    words = {bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list", dict: "a table"}
    return "nothing" if value is None else words.get(type(value), "text" if isinstance(value, str) else "a date")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `did you mean X? ` when `known` has something close to `word`, else nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]}? " if close else ""


def _advice(key: str, known: list[str], elsewhere: Mapping[str, str]) -> str:
    meant = did_you_mean(key, known)
    if not meant and key in elsewhere:
        meant = f"{key} belongs in {elsewhere[key]}; "
    return f"{meant}known here: {', '.join(known)}"
