"""From a value of the file to a value of the schema: numbers, durations, paths, secrets, contents."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import tomli

from deliver.config.node import Given, Node, did_you_mean, kind
from deliver.config.schema import Content, Share, Value
from deliver.config.secrets import MissingSecret
from deliver.secret import Secret

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET_KEYS = ("env", "file")
_CONTENT_KEYS = ("source", "host", "text", *_SECRET_KEYS)
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_ALL_BITS = 0o777
_MOST_HOSTS = 100_000
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_MODE = re.compile(r"0?[0-7]{3}")


def text(node: Node) -> str:
    """Read text."""
    if not isinstance(node.value, str):
        raise node.error(f"must be text, not {kind(node.value)}")
    if "\0" in node.value:
        raise node.error("must not have a NUL character in it")
    return str(node.value)


def flag(node: Node) -> bool:
    """Read `true` or `false`."""
    if isinstance(node.value, Given) and node.value.lower() in _FLAGS:
        return _FLAGS[node.value.lower()]
    if not isinstance(node.value, bool):
        raise node.error(f"must be true or false, not {_seen(node)}")
    return node.value


def whole(node: Node, least: int, most: int) -> int:
    """Read a whole number from `least` to `most`."""
    value = node.value
    if isinstance(value, Given) and re.fullmatch(r"\d{1,9}", value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise node.error(f"must be a whole number from {least} to {most}, not {_seen(node)}")
    return value


def pause(node: Node) -> float:
    """Read a time that may be none at all: as `duration`, or 0."""
    return 0.0 if node.value in (0, "0", "0s") and not isinstance(node.value, bool) else duration(node)


def duration(node: Node) -> float:
    """Read a time: seconds as a number, or text like `10s`, `1h30m`, `500ms`; return seconds, more than 0."""
    value = node.value
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    else:
        seconds = _seconds(value) if isinstance(value, str) else 0.0
    if not 0 < seconds < float("inf"):
        raise node.error(
            f"must be a time, not {_seen(node)}", hint='write "10s", "5m", "1h30m", "500ms" or a number of seconds'
        )
    return seconds


def choice(node: Node, hint: Any) -> str:
    """Read one of the words of a `Literal`."""
    words = get_args(hint)
    word = text(node)
    if word not in words:
        raise node.error(
            f"must be one of {', '.join(words)}, not {_seen(node)}", hint=did_you_mean(word, words).strip()
        )
    return word


def local_path(node: Node) -> Path:
    """Read a path of this machine: relative to the file, or for an override to the working directory."""
    given = text(node)
    if not given:
        raise node.error("must be a path, not empty text")
    base = Path.cwd() if isinstance(node.value, Given) else node.source.file.parent
    return base / Path(given).expanduser()


def listed(node: Node, item: Callable[[Node], Any]) -> tuple[Any, ...]:
    """Read a list of what `item` reads; given as text, a TOML list or words that commas divide."""
    value = node.value
    if isinstance(value, Given):
        value = [Given(one, value.origin) for one in _words(value)]
    if not isinstance(value, list):
        raise node.error(f"must be a list, not {kind(value)}")
    return tuple(item(Node(node.source, node.path, one)) for one in value)


def share(node: Node) -> Share:
    """Read a number of hosts, or a share of them like `25%`."""
    found = _PERCENT.fullmatch(node.value) if isinstance(node.value, str) else None
    if found is None:
        return Share(count=whole(node, 1, _MOST_HOSTS))
    if not 0 < float(found[1]) <= 100:  # noqa: PLR2004  # percent
        raise node.error(f"must be more than 0% and at most 100%, not {_seen(node)}")
    return Share(percent=float(found[1]))


def some(node: Node, items: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return what a list holds, unless that is nothing."""
    if not items:
        raise node.error("must not be empty")
    return items


def value(node: Node) -> Value:
    """Read text, or a secret that a variable or a file holds; text from a DELIVER_ variable is a secret too."""
    if isinstance(node.value, dict):
        return _secret_table(node)
    named = _inline_secret(node.value)
    if named is not None:
        return _secret_table(Node(node.source, node.path, named))
    plain = text(node)
    return Secret(plain) if isinstance(node.value, Given) and node.value.is_variable else plain


def _inline_secret(given: Any) -> dict[str, Any] | None:
    """Return the table that `--set 'build.env.KEY={env = "NAME"}'` gives: as text it would be shown to everybody."""
    if not isinstance(given, Given) or given.is_variable:
        return None
    try:
        found: Any = tomli.loads(f"value = {given}")["value"]
    except tomli.TOMLDecodeError:
        return None
    return found if isinstance(found, dict) and found.keys() <= {"env", "file"} else None


def secret(node: Node) -> Secret:
    """Read a secret, however it is given."""
    found = value(node)
    made = found if isinstance(found, Secret) else Secret(found)
    if not isinstance(made, MissingSecret) and not made.reveal:
        raise node.error("must not be empty")
    return made


def variables(node: Node) -> dict[str, Value]:
    """Read a table of environment variables."""
    table = node.table()
    for name, child in table.items():
        if not _VARIABLE.fullmatch(name):
            raise child.error("is no name of an environment variable")
    return {name: value(child) for name, child in table.items()}


def contents(node: Node) -> dict[str, Content]:
    """Read a table of files, by their path."""
    table = node.table()
    for path, child in table.items():
        parts = path.split("/")
        if path.startswith("/") or ".." in parts or "" in parts or not path.isprintable():
            raise child.error("must be a relative path that stays below where it starts")
    return {path: content(child) for path, child in table.items()}


def content(node: Node) -> Content:
    """Read what a file holds, and its mode."""
    table = node.table()
    node.refuse_others([*_CONTENT_KEYS, "mode"], {})
    kinds = [key for key in table if key != "mode"]
    if len(kinds) != 1:
        raise node.error(f"must have exactly one of {', '.join(_CONTENT_KEYS)}; it has {', '.join(kinds) or 'none'}")
    mode = {"mode": _mode(table["mode"])} if "mode" in table else {}
    return Content(**{**_held(kinds[0], node, table[kinds[0]]), **mode})


def _held(key: str, node: Node, child: Node) -> dict[str, Any]:
    if key == "source":
        return {"source": existing(child)}
    if key in _SECRET_KEYS:
        return {"secret": _secret(key, node, child)}
    return {key: text(child)}


def existing(node: Node) -> Path:
    """Read the path of a file of this machine that is there."""
    path = local_path(node)
    if not path.is_file():
        raise node.error(f"there is no file {path}")
    return path


def _mode(node: Node) -> int:
    if isinstance(node.value, int) and not isinstance(node.value, bool) and 0 <= node.value <= _ALL_BITS:
        return node.value
    if isinstance(node.value, str) and _MODE.fullmatch(node.value):
        return int(node.value, 8)
    raise node.error(f"must be permission bits, not {_seen(node)}", hint='write them as "0640"')


def _secret_table(node: Node) -> Secret:
    node.refuse_others(_SECRET_KEYS, {})
    table = node.table()
    if len(table) != 1:
        raise node.error("must have exactly one of env, file")
    key, child = next(iter(table.items()))
    return _secret(key, node, child)


def _secret(key: str, node: Node, child: Node) -> Secret:
    return _from_variable(node, text(child)) if key == "env" else _from_file(node, local_path(child))


def _from_variable(node: Node, name: str) -> Secret:
    try:
        return Secret(node.source.environ[name])
    except KeyError:
        return MissingSecret(node.error(f"the environment variable {name} is not set", hint=f"export {name}"))


def _from_file(node: Node, path: Path) -> Secret:
    try:
        held = path.read_bytes().decode("utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        return MissingSecret(node.error(f"{path} cannot be read: {reason}", hint=f"put the secret into {path}"))
    except UnicodeDecodeError:
        return MissingSecret(node.error(f"{path} is not UTF-8 text"))
    return Secret(held.removesuffix("\n").removesuffix("\r"))


def _seconds(given: str) -> float:
    if re.fullmatch(r"\d+(\.\d+)?", given):
        return float(given)
    if not _DURATION.fullmatch(given):
        return 0.0
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(given))


def _words(given: Given) -> list[str]:
    if not given.startswith("["):
        return [word.strip() for word in given.split(",") if word.strip()]
    try:
        return [str(one) for one in tomli.loads(f"list = {given}")["list"]]
    except tomli.TOMLDecodeError:
        return [given]


def _seen(node: Node) -> str:
    """Return the value as an error may show it: what comes from a variable may be anybody's secret."""
    if isinstance(node.value, Given) and node.value.is_variable:
        return "what it holds"
    return repr(str(node.value)) if isinstance(node.value, str) else f"{kind(node.value)} ({node.value})"
