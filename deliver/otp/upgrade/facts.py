"""What a release tree holds, as `payload/deliver_read.erl` reads it: all that planning an upgrade needs of the files.

Hashes are in hex; modules and applications are named as Erlang writes the atoms without quotes
(`Elixir.Demo`, `demo`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from deliver.errors import BuildError

_Record = TypeVar("_Record")


@dataclass(frozen=True)
class Module:
    """One compiled module.

    Args:
        name: of the module.
        md5: `beam_lib:md5/1`: of what is executed, whatever line it came from.
        attributes: hash of its attributes without `vsn`, in sorted order.
        vsn: its `vsn` attribute as `~w` prints the first value; empty when it has none.
        behaviours: values of its `behaviour` and `behavior` attributes, sorted.
        exports: `name/arity`, sorted, without `module_info`.
        calls: modules that it imports functions of, sorted, without itself.
        loads_native: whether it names `load_nif`, and so may call `erlang:load_nif/2`.
        struct: the keys of its struct, sorted, without `__struct__`; None when it defines none.
        records: fields of the records that it knows, by name; empty without debug information.
        protocol: whether it is an Elixir protocol.
        implements: the protocol that it implements for some type; empty for none.
        mode: of a gen_statem: its callback mode, as a sorted list that `~0p` prints; empty for all else.
        mentions: modules with a struct that it names anywhere, sorted, without itself.
    """

    name: str
    md5: str
    attributes: str
    vsn: str = ""
    behaviours: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    loads_native: bool = False
    struct: tuple[str, ...] | None = None
    records: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    protocol: bool = False
    implements: str = ""
    mode: str = ""
    mentions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Appup:
    """The way between two versions that an application's `.appup` names, as Erlang terms in text.

    Args:
        version: the version that the file is of.
        up: what comes from which version.
        down: the same for the way back.
    """

    version: str
    up: tuple[AppupEntry, ...] = ()
    down: tuple[AppupEntry, ...] = ()


@dataclass(frozen=True)
class AppupEntry:
    """One version that an appup comes from or goes back to.

    Args:
        version: exact, or a regular expression.
        regex: whether it was a binary in the file, and so is a regular expression.
        instructions: the list of instructions, on one line as `~0p` prints it.
        modules: modules that the instructions name as the one that they change.
    """

    version: str
    regex: bool
    instructions: str
    modules: tuple[str, ...] = ()


@dataclass(frozen=True)
class App:
    """One application of a release.

    Args:
        name: of the application.
        version: as its `.app` file says.
        type: how the release starts it: `permanent`, `load`, `none`...
        callback: the module of `mod`; empty for a library.
        arguments: hash of the arguments in `mod`.
        phases: hash of `start_phases`.
        registered: names that it says it registers.
        dependencies: `applications` and `optional_applications`, in order.
        included: `included_applications`.
        env: hash of each value of its default environment, by key.
        priv: hash of the tree `priv/` (paths, who may execute, contents); empty when there is nothing in it.
        native: hash of each shared library below `priv/`, by its path there.
        modules: by name.
        appup: what its `.appup` file says; None without one, or when it cannot be read.
    """

    name: str
    version: str
    type: str = "permanent"
    callback: str = ""
    arguments: str = ""
    phases: str = ""
    registered: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    included: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    priv: str = ""
    native: Mapping[str, str] = field(default_factory=dict)
    modules: Mapping[str, Module] = field(default_factory=dict)
    appup: Appup | None = None


@dataclass(frozen=True)
class Facts:
    """A release tree.

    Args:
        name: of the release.
        version: of the release.
        erts: version of ERTS.
        kind: `mix`, `rebar3` or `command`.
        includes_erts: whether it carries its own.
        apps: by name, in the order of the `.rel` file.
        consolidated: MD5 of each consolidated protocol, by module.
        consolidated_path: where they lie, relative to the release's root; empty for none.
        config: hash of each value in `sys.config`, or in `sys.config.src`, by application and key.
        providers: whether configuration is computed when the node boots: by config providers, from `sys.config.src`,
            or from variables in `sys.config`.
        vm_args: hash of `vm.args`, or of `vm.args.src`, without comments; empty when nothing is left.
        env_sh: hash of `env.sh`, in the same way.
        boot: hash of what the boot script does apart from versions, and from the applications of the release.
    """

    name: str
    version: str
    erts: str
    kind: str
    includes_erts: bool
    apps: Mapping[str, App]
    consolidated: Mapping[str, str] = field(default_factory=dict)
    consolidated_path: str = ""
    config: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    providers: bool = False
    vm_args: str = ""
    env_sh: str = ""
    boot: str = ""


def parse(text: str | bytes) -> Facts:
    """Read the JSON that `deliver_read` prints: objects with the fields' names; `apps` and `modules` are arrays.

    Raises:
        BuildError: it is not that.
    """
    try:
        document = json.loads(text)
        apps = (_app(one) for one in document.pop("apps"))
        return _made(Facts, {**document, "apps": {app.name: app for app in apps}})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BuildError(f"the facts of a release cannot be read: {error!r}") from error


def _app(document: dict[str, Any]) -> App:
    modules = (_module(one) for one in document.pop("modules", []))
    appup = document.pop("appup", None)
    return _made(App, {**document, "modules": {one.name: one for one in modules}, "appup": appup and _appup(appup)})


def _module(document: dict[str, Any]) -> Module:
    records = {name: tuple(keys) for name, keys in document.pop("records", {}).items()}
    return _made(Module, {**document, "records": records})


def _appup(document: dict[str, Any]) -> Appup:
    ways = {way: tuple(_made(AppupEntry, one) for one in document.pop(way, [])) for way in ("up", "down")}
    return _made(Appup, {**document, **ways})


def _made(record: type[_Record], document: Mapping[str, Any]) -> _Record:
    known = {one.name for one in fields(record)}  # type: ignore[arg-type]
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in document.items()}
    unknown = values.keys() - known
    if unknown:
        raise ValueError(f"unknown keys: {', '.join(sorted(unknown))}")
    return record(**values)
