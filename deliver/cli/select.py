"""Which hosts of an environment a command is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from deliver.config.schema import Config, Environment, Host
from deliver.errors import UsageError


def environment(config: Config, on: str, *, secrets: bool = True) -> Environment:
    """Return the environment that `--on` names, with all its secrets unless they are not needed.

    Raises:
        UsageError: none is named, or there is none of that name.
        ConfigError: one of its secrets is not there.
    """
    if not on:
        known = ", ".join(sorted(config.environments)) or "none"
        raise UsageError("which environment?", hint=f"say it with --on; {config.file} has: {known}")
    return config.environment(on, secrets=secrets)


def hosts(environment: Environment, host: Sequence[str], role: Sequence[str]) -> tuple[Host, ...]:
    """Return the hosts of `environment` that `--host` and `--role` let through, in the file's order.

    Args:
        environment: whose hosts.
        host: exact names; a host must be one of them. Empty for any.
        role: exact roles; a host must have one of them. Empty for any.

    Raises:
        UsageError: a name or role is nobody's, or no host is left.
    """
    known = {one.name for one in environment.hosts}
    roles = {word for one in environment.hosts for word in one.roles}
    _refuse("host", set(host) - known, environment.name, known)
    _refuse("role", set(role) - roles, environment.name, roles)
    chosen = tuple(one for one in environment.hosts if _passes(one, host, role))
    if not chosen:
        raise UsageError(
            f"no host of {environment.name} is left by --host {' '.join(host)} and --role {' '.join(role)}"
            if host and role
            else f"the environment {environment.name} has no hosts",
            hint=f"{environment.name} has the hosts: {_listed(known)}; and the roles: {_listed(roles)}",
        )
    return chosen


def one_host(config: Config, text: str) -> Environment:
    """Return the environment of one host, with no other host in it.

    Args:
        config: all of the configuration.
        text: the host's name, or `environment/host` where several environments have one of that name.

    Raises:
        UsageError: no environment has it, or several have.
        ConfigError: a secret of the environment is not there.
    """
    places = [(name, host) for name, one in config.environments.items() for host in one.hosts]
    found = [(name, host) for name, host in places if text in {host.name, f"{name}/{host.name}"}]
    if len(found) != 1:
        among = found or places
        what = "several environments have a host" if found else "no environment has a host"
        known = ", ".join(f"{name}/{host.name}" for name, host in among)
        raise UsageError(f"{what} called {text!r}", hint=f"say which: {known}" if known else "the file has no hosts")
    (name, host) = found[0]
    return replace(config.environment(name), hosts=(host,))


def named(environment: Environment, chosen: Sequence[Host]) -> str:
    """Return what to call these hosts: by the environment's name only when they are all of it."""
    if len(chosen) == len(environment.hosts):
        return environment.name
    return f"{', '.join(one.name for one in chosen)} of {environment.name}"


def _passes(one: Host, host: Sequence[str], role: Sequence[str]) -> bool:
    return (not host or one.name in host) and (not role or bool(set(role) & set(one.roles)))


def _refuse(kind: str, unknown: set[str], environment: str, known: set[str]) -> None:
    if unknown:
        raise UsageError(
            f"{environment} has no {kind} {_listed(unknown)}",
            hint=f"{environment} has the {kind}s: {_listed(known)}",
        )


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"
