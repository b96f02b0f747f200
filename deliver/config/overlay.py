"""What is stronger than the file: `DELIVER_*` variables, and `--set` above them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tomli

from deliver.config import keys
from deliver.config.node import Given, did_you_mean, dotted
from deliver.errors import ConfigError, UsageError

PREFIX = "DELIVER_"
#: Variables that are ours and no keys.
OTHERS = frozenset({"DELIVER_CONFIG"})


def overlaid(table: dict[str, Any], settings: Sequence[str], environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the file's `table` with what variables and settings say put over it.

    Args:
        table: all of the file; stays as it is.
        settings: `key=value` each; the last of two for one key wins.
        environ: where `DELIVER_*` variables are looked for.

    Raises:
        ConfigError: a variable belongs to no key, or to several.
        UsageError: a setting has no `=`, or its key is none.
    """
    merged = _spread(table)
    for path, value in _variables(merged, environ):
        _put(merged, path, value)
    for setting in settings:
        _put(merged, *_setting(setting))
    return merged


def variable(path: Sequence[str]) -> str:
    """Return the name of the variable that stands for a key."""
    return PREFIX + re.sub(r"[^A-Z0-9]", "_", "_".join(path).upper())


def _spread(table: dict[str, Any]) -> dict[str, Any]:
    """Return a deep copy in which a list of host names is a table, so that a host's key can be put there."""
    copy = {key: _spread(value) if isinstance(value, dict) else value for key, value in table.items()}
    environments = copy.get("environments")
    for environment in environments.values() if isinstance(environments, dict) else ():
        hosts = environment.get("hosts") if isinstance(environment, dict) else None
        if isinstance(hosts, list) and all(isinstance(name, str) for name in hosts) and len(set(hosts)) == len(hosts):
            environment["hosts"] = {name: {} for name in hosts}
    return copy


def _variables(table: dict[str, Any], environ: Mapping[str, str]) -> Iterator[tuple[Sequence[str], Given]]:
    named = sorted(name for name in environ if name.startswith(PREFIX) and name not in OTHERS)
    if not named:
        return
    known: dict[str, list[keys.KeyPath]] = {}
    for path in _scalar_keys(table):
        known.setdefault(variable(path), []).append(path)
    for name in named:
        yield _only(name, known), Given(environ[name], name)


def _only(name: str, known: Mapping[str, list[keys.KeyPath]]) -> keys.KeyPath:
    paths = known.get(name, [])
    if len(paths) == 1:
        return paths[0]
    if paths:
        both = " or ".join(dotted(path) for path in paths)
        raise ConfigError(f"{name}: this could be {both}", hint="unset it, and use --set key=value")
    meant = did_you_mean(name, [*known, *OTHERS])
    raise ConfigError(f"{name}: there is no such key", hint=f"{meant}unset it, or name a key that is there")


def _scalar_keys(table: dict[str, Any]) -> Iterator[keys.KeyPath]:
    for path, hint in keys.walk():
        if keys.is_scalar(hint) and "files" not in path:
            yield from _named(path, table)


def _named(path: keys.KeyPath, table: Any) -> Iterator[keys.KeyPath]:
    """Yield `path` with the names that the file has in place of each `ANY`."""
    if not path:
        yield ()
        return
    inner = table if isinstance(table, dict) else {}
    for key in inner if path[0] == keys.ANY else path[:1]:
        yield from ((key, *rest) for rest in _named(path[1:], inner.get(key)))


def _setting(setting: str) -> tuple[Sequence[str], Given]:
    key, equals, text = setting.partition("=")
    if not equals:
        raise UsageError(f"--set {setting}: there is no =", hint="write --set key=value, as in --set build.host=local")
    return _path(key.strip(), setting), Given(text.strip(), f"--set {key.strip()}")


def _path(key: str, setting: str) -> list[str]:
    try:
        found: Any = tomli.loads(f"{key} = 0")
    except tomli.TOMLDecodeError:
        raise UsageError(f"--set {setting}: {key!r} is no key", hint='"." divides its parts') from None
    path = []
    while isinstance(found, dict):
        name, found = next(iter(found.items()))
        path.append(name)
    return path


def _put(table: dict[str, Any], path: Sequence[str], value: Given) -> None:
    for at, key in enumerate(path[:-1]):
        below = table.get(key, {})
        if isinstance(below, str) and key == "host":
            below = {"name": below}
        elif isinstance(below, str) and key == "service":
            below = {"kind": below}
        elif isinstance(below, str) and path[at - 1] == "hooks":
            below = {"run": below}
        if not isinstance(below, dict):
            raise UsageError(f"{value.origin}: {dotted(path[: at + 1])} is no table")
        table[key] = below
        table = below
    table[path[-1]] = value
