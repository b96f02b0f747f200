"""Every key that deliver.toml may have, told by the dataclasses of the schema."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

from deliver.config.schema import Config, Content, Environment, Host, Pause, Service, Value
from deliver.secret import Secret

KeyPath = tuple[str, ...]

#: Stands in a key's path for a name that the file chooses.
ANY = "*"
#: Keys of an environment that its hosts have when they do not say otherwise.
HOST_DEFAULTS = ("user", "port", "path", "node", "env")
#: Fields that are no keys: the loader knows them from elsewhere.
_DERIVED = {Config: ("file",), Environment: ("name",)}
_CONTENT = {"source": Path, "host": str, "text": str, "env": str, "file": Path, "mode": str}
BUILD_HOST: KeyPath = ("build", "host")
ENVIRONMENT_HOST: KeyPath = ("environments", ANY, "hosts", ANY)
#: Fields of a host that are no keys there: a build has no node, and an environment's host is named by its table.
UNUSED: dict[KeyPath, tuple[str, ...]] = {BUILD_HOST: ("node", "env", "roles", "zone"), ENVIRONMENT_HOST: ("name",)}


@cache
def of(cls: type) -> dict[str, Any]:
    """Return the keys of the table that becomes a `cls`, and the type of each."""
    if cls is Content:
        return dict(_CONTENT)
    hints = typing.get_type_hints(cls)
    keys = {one.name: hints[one.name] for one in dataclasses.fields(cls) if one.name not in _DERIVED.get(cls, ())}
    if cls is Environment:
        host = typing.get_type_hints(Host)
        keys |= {key: host[key] for key in HOST_DEFAULTS} | {"hosts": dict[str, Host]}
    return keys


def walk(cls: type = Config, above: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Yield the path and the type of every key in and below the table that becomes a `cls`."""
    for key, hint in of(cls).items():
        if key in UNUSED.get(above, ()):
            continue
        path = (*above, key)
        yield path, hint
        if dataclasses.is_dataclass(hint):
            yield from walk(typing.cast("type", hint), path)
        elif typing.get_origin(hint) is dict:
            yield from _walk_names(typing.get_args(hint)[1], (*path, ANY))


def _walk_names(inner: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    if not dataclasses.is_dataclass(inner):
        yield path, inner
        return
    yield from walk(typing.cast("type", inner), path)


def is_scalar(hint: Any) -> bool:
    """Whether a key of this type holds one word, number or flag."""
    if hint in {str, bool, int, float, Path, Value, Host, Service, Pause}:
        return True
    alternatives = set(typing.get_args(hint)) - {type(None)}
    return typing.get_origin(hint) is Literal or (bool(alternatives) and alternatives <= {int, Path, Secret, str})


def of_host(path: KeyPath) -> list[str]:
    """Return the keys of a host's table at `path`: `BUILD_HOST` or `ENVIRONMENT_HOST`."""
    return [key for key in of(Host) if key not in UNUSED[path]]


@cache
def homes() -> dict[str, str]:
    """Return, for each key that only one table has, how that table is written."""
    found: dict[str, set[str]] = {}
    for path, _ in walk():
        found.setdefault(path[-1], set()).add(_header(path[:-1]))
    return {key: next(iter(tables)) for key, tables in found.items() if len(tables) == 1 and key != ANY}


def _header(path: KeyPath) -> str:
    return f"[{'.'.join('NAME' if part == ANY else part for part in path)}]" if path else "the top of the file"
