"""A configuration as a person or a machine may see it: whole, with stars in place of secrets."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deliver.config import keys
from deliver.config.node import dotted
from deliver.config.schema import Config, Content, Share
from deliver.secret import Secret


def document(config: Config) -> dict[str, Any]:
    """Return all of `config` as JSON has it: what is no key of the file is left out."""
    shown: dict[str, Any] = _plain(config)
    for key in keys.UNUSED[keys.BUILD_HOST]:
        shown["build"]["host"].pop(key, None)
    for environment in shown["environments"].values():
        environment.pop("name")
    return shown


def text(config: Config) -> str:
    """Return all of `config`, a line per key, as TOML writes it."""
    return "".join(
        f"{dotted(path)} = {json.dumps(value, ensure_ascii=False)}\n" for path, value in _lines(document(config))
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Share):
        return value.count or str(value)
    if isinstance(value, Content):
        return {**_fields(value), "mode": f"{value.mode:04o}"}
    if dataclasses.is_dataclass(value) and not isinstance(value, Secret):
        return _fields(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Secret | Path) else value


def _fields(value: Any) -> dict[str, Any]:
    items = ((one.name, getattr(value, one.name)) for one in dataclasses.fields(value))
    return {name: _plain(item) for name, item in items if item is not None}


def _lines(table: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in table.items():
        path = (*above, key)
        if isinstance(value, dict):
            yield from _lines(value, path)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for item in value:
                yield from _lines({name: one for name, one in item.items() if name != "name"}, (*path, item["name"]))
        else:
            yield path, value
