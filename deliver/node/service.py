"""How a host's node is kept running, as the arguments that `service.sh` and its companions expect."""

from __future__ import annotations

import re

from deliver.config.schema import Environment, Host, Service
from deliver.errors import ConfigError
from deliver.remote.script import Argument
from deliver.remote.who import holder, journal_name

#: What stands before every script that changes a node; `layout.sh` brings the journal.
PARTS = ("lock.sh", "layout.sh", "node.sh", "service.sh")

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def unit_name(service: Service, app: str) -> str:
    """Return the systemd unit's full name."""
    name = service.unit or app
    return name if name.endswith(".service") else f"{name}.service"


def arguments(host: Host, service: Service, app: str) -> dict[str, Argument]:
    """Return what says where the node of `host` is and how it runs.

    Raises:
        ConfigError: a variable of the host's environment cannot be one.
    """
    return {
        "path": host.path,
        "app": app,
        "wanted_node": host.node,
        "kind": service.kind,
        "scope": service.scope if service.kind == "systemd" else "",
        "unit": unit_name(service, app),
        "sudo": _yes(service.sudo),
        "heart": _yes(service.heart),
        "log_file": service.logs,
        "start_command": service.start,
        "stop_command": service.stop,
        **_variables(host),
    }


def change(what: str, environment: Environment) -> dict[str, Argument]:
    """Return what a script that changes a node says of itself to the host's lock and journal."""
    return {"who": journal_name(), "holder": holder(what, environment.name)}


def _variables(host: Host) -> dict[str, Argument]:
    for name in host.env:
        if not _VARIABLE.match(name):
            raise ConfigError(f"{host.name}: {name!r} cannot be the name of an environment variable")
    numbered: dict[str, Argument] = {f"env_{at}": value for at, value in enumerate(host.env.values(), 1)}
    return {"env_names": " ".join(host.env), **numbered}


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"
