"""The systemd unit of a node, as text, and its installation on a host."""

from __future__ import annotations

import math
from dataclasses import dataclass

from deliver.config.schema import Environment, Host
from deliver.errors import ConfigError, NodeError
from deliver.node.facts import Facts
from deliver.node.outcome import run
from deliver.node.service import arguments, change, unit_name
from deliver.remote.script import script
from deliver.remote.session import Session

#: How `service-install` knows a unit file for its own.
MARK = "# Written by `deliver service-install`, which overwrites changes made here."

_SYSTEM = """\
{mark}
[Unit]
Description={app}
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
User={user}
WorkingDirectory={directory}
EnvironmentFile={environment}
ExecStart={command} {verb}
Restart=on-failure
RestartSec=2
KillMode=mixed
TimeoutStopSec={stop}

[Install]
WantedBy=multi-user.target
"""

_USER = """\
{mark}
[Unit]
Description={app}

[Service]
Type=exec
WorkingDirectory={directory}
EnvironmentFile={environment}
ExecStart={command} {verb}
Restart=on-failure
RestartSec=2
KillMode=mixed
TimeoutStopSec={stop}

[Install]
WantedBy=default.target
"""


@dataclass(frozen=True)
class Unit:
    """What `service-install` did on a host.

    Args:
        host: where.
        file: the unit file.
        changed: whether the unit or its environment was not like that before.
        lingers: under the `user` scope: whether the user's manager runs without a login.
    """

    host: str
    file: str
    changed: bool
    lingers: bool


def text(app: str, environment: Environment, facts: Facts) -> str:
    """Return the unit file for the node of one host.

    It has no ExecStop: systemd's SIGTERM makes the virtual machine stop all applications in order, and costs no
    second machine. Secrets are not in it, but in an environment file that only the user and systemd can read.
    An epmd that the node had to start is of the unit too, and ends with it: where several nodes run, give it a unit.

    Raises:
        NodeError: nothing is installed there, so that nobody knows how its start script is called.
    """
    if not facts.style:
        raise NodeError(
            f"{facts.host}: no version is set to start at {facts.root}, so the unit cannot be written yet",
            hint="install the release and make it the one to start, or start it once",
        )
    template = _SYSTEM if environment.service.scope == "system" else _USER
    return template.format(
        mark=MARK,
        app=_plain(app),
        user=facts.user,
        directory=_plain(facts.root),
        environment=_plain(f"{facts.root}/.deliver/environment"),
        command=_word(f"{facts.root}/bin/{app}"),
        verb="start" if facts.style == "mix" else "foreground",
        stop=math.ceil(environment.stop_timeout),
    )


def install(session: Session, host: Host, environment: Environment, app: str, facts: Facts) -> Unit:
    """Write the unit and its environment file, load it, and have it started at boot.

    Raises:
        ConfigError: the environment's service is not systemd.
        NodeError: another unit of that name is there, or systemd does not take it.
        LockedError: somebody else works on the host.
        RemoteError: the host cannot do it.
    """
    if environment.service.kind != "systemd":
        raise ConfigError(
            f"the service of {environment.name} is {environment.service.kind!r}, not 'systemd'",
            hint=f'write kind = "systemd" into [environments.{environment.name}.service]',
        )
    values = {
        **arguments(host, environment.service, app),
        **change("service-install", environment),
        "unit_text": text(app, environment, facts),
        "mark": MARK,
    }
    told = run(session, host, script("unit.sh", values, parts=("lock.sh", "layout.sh", "node.sh", "service.sh")))
    if told.outcome != "installed":
        raise NodeError(f"{host.name}: {told.values[0]}", hint=told.values[1])
    file, state, lingers = told.values
    return Unit(host.name, file, changed=state == "changed", lingers=lingers == "yes")


def title(environment: Environment, app: str) -> str:
    """Return what to call the unit of `app` in a message."""
    return f"{environment.service.scope} unit {unit_name(environment.service, app)}"


def _plain(value: str) -> str:
    return value.replace("%", "%%")


def _word(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_plain(escaped).replace("$", "$$")}"'
