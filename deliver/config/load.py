"""Finding deliver.toml, reading it, and checking all of it."""

from __future__ import annotations

import dataclasses
import os
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import tomli

from deliver.config import keys, values
from deliver.config.node import Given, Node, Source
from deliver.config.overlay import overlaid
from deliver.config.schema import (
    Build,
    Config,
    Content,
    Environment,
    Haproxy,
    Health,
    Hook,
    Host,
    Occasion,
    Once,
    Pause,
    Service,
    Share,
    Ssh,
    Value,
)
from deliver.config.secrets import MissingSecret, secrets_in
from deliver.errors import ConfigError
from deliver.secret import Secret

NAME = "deliver.toml"

T = TypeVar("T")
Reader = Callable[[Node], Any]

_HOST_NAME = re.compile(r"[A-Za-z0-9_:\[][^\s@/\x00-\x1f\x7f]*")
_APP = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_ENVIRONMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_ONCE = re.compile(r"[A-Za-z0-9_-]+")
_PORT = r"([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])"
_MACHINE = r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])"
_URL = re.compile(rf"(https?://{_MACHINE}(:{_PORT})?([/?]\S*)?)?")
_TCP = re.compile(rf"(({_MACHINE}:)?{_PORT})?")
_RUNTIME_API = re.compile(rf"(\S*/\S+|{_MACHINE}:{_PORT})?")
_NODE = re.compile(r"[A-Za-z0-9_-]+(@[A-Za-z0-9_.:-]+)?")
_MOST = {"port": 65535, "parallel": 1024, "status": 599, "max_failures": 100_000, "max_failures_percent": 100}
_NONE_IS_FINE = {"max_failures", "max_failures_percent"}


def find(start: Path) -> Path:
    """Return the nearest deliver.toml, in `start` or a directory above it.

    Raises:
        ConfigError: there is none.
    """
    for directory in (start, *start.parents):
        if (directory / NAME).is_file():
            return directory / NAME
    raise ConfigError(
        f"there is no {NAME} in {start} or above it",
        hint=f"copy config.example.toml to {NAME} at the top of your repository, or name a file with --config",
    )


def named(file: Path) -> Path:
    """Return the absolute path of the file that the operator named.

    Raises:
        ConfigError: there is none.
    """
    path = Path.cwd() / file.expanduser()
    if not path.is_file():
        raise ConfigError(f"there is no file {file}", hint="--config and DELIVER_CONFIG name a file")
    return path


def load(path: Path, overrides: Sequence[str] = (), environ: Mapping[str, str] = os.environ) -> Config:
    """Read a configuration; `overrides` are stronger than `DELIVER_*` variables, these than the file.

    Args:
        path: the file.
        overrides: `key=value` each, as `--set` takes them.
        environ: the variables that may override keys, and that values may name.

    Raises:
        ConfigError: something in it is wrong; the message names file, line and key.
        UsageError: an override is no `key=value`.
    """
    file = path.absolute()
    text = _text(file)
    table = parsed(file, text)
    source = Source(file, text, table, environ)
    return _config(Node(source, (), overlaid(table, overrides, environ)))


def secrets(config: Config) -> list[Secret]:
    """Return every secret of `config` that is there."""
    return [one for one in secrets_in(config) if not isinstance(one, MissingSecret)]


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(f"{file}:{line}: this is not UTF-8 text") from error


def parsed(file: Path, text: str) -> dict[str, Any]:
    """Return what TOML text holds.

    Raises:
        ConfigError: it is no TOML.
    """
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise ConfigError(f"{file}:{error.lineno}:{error.colno}: {error.msg}", hint="see https://toml.io") from error


def _config(node: Node) -> Config:
    special: dict[str, Reader] = {"app": _app, "environments": _environments}
    base = node.source.file.parent
    defaults = {"file": node.source.file, "repository": base, "store": base / ".deliver" / "store"}
    return _table(Config, node, special, defaults)


def _table(
    cls: type[T], node: Node, special: Mapping[str, Reader] | None = None, defaults: Mapping[str, Any] | None = None
) -> T:
    """Read the table that becomes a `cls`: each key by `special`, or by its type."""
    known = keys.of(typing.cast("Any", cls))
    node.refuse_others(known, keys.homes())
    read = {key: _reader(known[key], key) for key in node.table()} | dict(special or {})
    found = {key: read[key](child) for key, child in node.table().items()}
    given = {**(defaults or {}), **found}
    for field in dataclasses.fields(typing.cast("Any", cls)):
        if field.name not in given and _is_required(field):
            raise node.error(f"{field.name} is missing", hint=f"every {cls.__name__.lower()} needs one")
    return cls(**given)


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _reader(hint: Any, key: str) -> Reader:
    simple = _READERS.get(hint)
    if simple is not None:
        return simple
    if typing.get_origin(hint) is Literal:
        return lambda node: values.choice(node, hint)
    if hint in {int, int | None}:
        return lambda node: values.whole(node, 0 if key in _NONE_IS_FINE else 1, _MOST[key])
    return lambda node: _table(hint, node)


def _app(node: Node) -> str:
    return _matching(node, _APP, "the name of a release: a letter, then letters, digits and _ . -")


def _matching(node: Node, pattern: re.Pattern[str], what: str) -> str:
    word = values.text(node)
    if not pattern.fullmatch(word):
        raise node.error(f"must be {what}; {word!r} is not")
    return word


def _build(node: Node) -> Build:
    build = _table(Build, node, {"host": _build_host})
    if build.toolchain == "command" and not (build.command and build.output):
        raise node.error('toolchain = "command" needs command and output too')
    return build


def _build_host(node: Node) -> Host:
    if isinstance(node.value, str):
        return Host(_host_name(node, str(node.value)))
    node.refuse_others(keys.of_host(keys.BUILD_HOST), keys.homes())
    return _host(node, {})


def _host(node: Node, defaults: Mapping[str, Any]) -> Host:
    node_name: Reader = lambda one: _matching(one, _NODE, "a node name: name or name@host")  # noqa: E731
    read = _table(Host, node, {"node": node_name, "address": _address, "path": _host_path}, {"name": "", **defaults})
    name = read.name or (str(defaults.get("name", "")))
    return dataclasses.replace(read, name=_host_name(node, name))


def _address(node: Node) -> str:
    return _host_name(node, values.text(node))


def _host_path(node: Node) -> str:
    path = values.text(node)
    if path.startswith(("~", "$")):  # no shell reads it: it would be a directory of that very name
        raise node.error(f"must be a path on the host, not {path!r}", hint="a relative one begins in the user's home")
    return path


def _host_name(node: Node, name: str) -> str:
    if not name:
        raise node.error("name is missing", hint="a build host that is a table has its name there too")
    if not _HOST_NAME.fullmatch(name):
        raise node.error(
            f"{name!r} is no host", hint="write the name that ssh knows; user and port are keys of their own"
        )
    return name


def _environments(node: Node) -> dict[str, Environment]:
    table = node.table()
    for name, child in table.items():
        if not _ENVIRONMENT.fullmatch(name):
            raise child.error("must be a name that a command line takes: letters, digits and _ . -")
    return {name: _environment(child, name) for name, child in table.items()}


def _environment(node: Node, name: str) -> Environment:
    known = keys.of(Environment)
    node.refuse_others(known, keys.homes())
    own = {key: value for key, value in node.value.items() if key not in keys.HOST_DEFAULTS}
    made = _table(
        Environment,
        Node(node.source, node.path, own),
        {"hosts": lambda hosts: _hosts(hosts, _host_defaults(node)), "service": _service},
        {"name": name},
    )
    _check_names(node, made)
    return made


def _check_names(node: Node, environment: Environment) -> None:
    """Refuse names of hosts that the environment does not have."""
    named: list[tuple[tuple[str, ...], str]] = [(("lock_hosts",), one) for one in environment.lock_hosts]
    named += [(("once", name, "on"), one.on) for name, one in environment.once.items() if one.on]
    known = [host.name for host in environment.hosts]
    for path, name in named:
        if name not in known:
            where = Node(node.source, (*node.path, *path), name)
            raise where.error(f"{name} is no host of {environment.name}", hint=f"its hosts are {', '.join(known)}")


def _health(node: Node) -> Health:
    read: dict[str, Reader] = {
        "http": lambda one: _matching(one, _URL, "a URL, http:// or https://"),
        "tcp": lambda one: _matching(one, _TCP, "a port or address:port"),
    }
    return _table(Health, node, read)


def _haproxy(node: Node) -> Haproxy:
    read: dict[str, Reader] = {
        "socket": lambda one: _matching(one, _RUNTIME_API, "the path of a socket, or host:port"),
    }
    haproxy = _table(Haproxy, node, read)
    if bool(haproxy.socket) != bool(haproxy.backend):
        raise node.error("needs both socket and backend")
    return haproxy


def _hooks(node: Node) -> dict[str, Hook]:
    node.refuse_others(typing.get_args(Occasion), {})
    return {name: _hook(child) for name, child in node.table().items()}


def _hook(node: Node) -> Hook:
    return _table(Hook, node) if isinstance(node.value, dict) else Hook(values.text(node))


def _once(node: Node) -> dict[str, Once]:
    for name, child in node.table().items():
        if not _ONCE.fullmatch(name):
            raise child.error("names files on a host: only letters, digits, - and _")
    return {name: _table(Once, child) for name, child in node.table().items()}


def _host_defaults(node: Node) -> dict[str, Any]:
    shared = {key: value for key, value in node.value.items() if key in keys.HOST_DEFAULTS}
    found = _host(Node(node.source, node.path, shared), {"name": "defaults"})
    return {key: getattr(found, key) for key in keys.HOST_DEFAULTS}


def _hosts(node: Node, defaults: dict[str, Any]) -> tuple[Host, ...]:
    hosts = _hosts_by_table(node, defaults) if isinstance(node.value, dict) else _hosts_by_name(node, defaults)
    if not hosts:
        raise node.error("must have at least one host")
    for host in hosts:
        if not host.path:
            raise node.error(
                f"{host.name} has no path", hint="say with path, here or for all hosts, where releases live on it"
            )
    return hosts


def _hosts_by_name(node: Node, defaults: dict[str, Any]) -> tuple[Host, ...]:
    names = values.listed(node, values.text)
    if len(set(names)) != len(names):
        raise node.error("has a host twice")
    return tuple(Host(_host_name(node, name), **defaults) for name in names)


def _hosts_by_table(node: Node, defaults: dict[str, Any]) -> tuple[Host, ...]:
    return tuple(_one_host(child, name, defaults) for name, child in node.table().items())


def _one_host(node: Node, name: str, defaults: dict[str, Any]) -> Host:
    node.refuse_others(keys.of_host(keys.ENVIRONMENT_HOST), keys.homes())
    host = _host(node, {**defaults, "name": name})
    return dataclasses.replace(host, env={**defaults["env"], **host.env})


def _service(node: Node) -> Service:
    if isinstance(node.value, str):
        kind = values.choice(node, keys.of(Service)["kind"])
        return _checked_service(node, Service(kind=typing.cast("Any", kind)))
    return _checked_service(node, _table(Service, node))


def _checked_service(node: Node, service: Service) -> Service:
    if service.kind == "command" and not service.start:
        raise node.error('kind = "command" needs start, the command line that starts the node')
    return service


def _given_table(read: Reader) -> Reader:
    """Return a reader that also takes a whole table as text, as `--set 'build.env={A = "b"}'` gives it."""

    def reader(node: Node) -> Any:
        if not isinstance(node.value, Given):
            return read(node)
        try:
            return read(Node(node.source, node.path, tomli.loads(f"table = {node.value}")["table"]))
        except tomli.TOMLDecodeError:
            raise node.error("must be a table, as TOML writes it inline") from None

    return reader


_READERS: dict[Any, Reader] = {
    str: values.text,
    bool: values.flag,
    float: values.duration,
    Pause: values.pause,
    Path: values.local_path,
    Path | None: values.existing,
    Secret | None: values.secret,
    tuple[str, ...]: lambda node: values.listed(node, values.text),
    tuple[Path, ...]: lambda node: values.listed(node, values.local_path),
    dict[str, Value]: _given_table(values.variables),
    dict[str, Content]: _given_table(values.contents),
    dict[str, Once]: _given_table(_once),
    tuple[Share, ...]: lambda node: values.some(node, values.listed(node, values.share)),
    dict[Occasion, Hook]: _given_table(_hooks),
    Build: _build,
    Health: _health,
    Haproxy: _haproxy,
    Ssh: lambda node: _table(Ssh, node),
}
