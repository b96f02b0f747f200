"""Which hosts of an environment a command is about."""

from __future__ import annotations

from collections.abc import Sequence

from deliver.config.schema import Environment, Host
from deliver.errors import UsageError


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
