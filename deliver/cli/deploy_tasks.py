"""The task that brings a release to hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deliver.cli.command import Run, command

if TYPE_CHECKING:
    from deliver.ship.flow import Deployment

_COLUMNS = ("host", "state", "files sent", "bytes sent", "seconds")


@command(
    help={
        "version": "The version, exactly as the store has it, or `latest`.",
        "to": "The environment.",
        "start": "Also start it: host after host, restarting nodes that run another version.",
        "host": "Only this host of the environment; may be repeated.",
        "role": "Only hosts with this role; may be repeated.",
        "lock_wait": "Seconds to wait while somebody else is at work on a host.",
    },
    iterable=("host", "role"),
)
def deploy_release(
    run: Run,
    *,
    version: str = "",
    to: str = "",
    start: bool = False,
    host: Sequence[str] = (),
    role: Sequence[str] = (),
    lock_wait: int = 0,
) -> None:
    """Install a release from the store on the hosts of an environment, sending only what they lack."""
    from deliver.cli import select
    from deliver.errors import UsageError
    from deliver.ship.flow import Deployment, Request
    from deliver.store.store import Store

    if not version or not to:
        raise UsageError("deploy-release needs --version and --to", hint="--version latest --to staging, for example")
    environment = run.config.environment(to)
    hosts = select.hosts(environment, host, role)
    request = Request(version, environment, hosts, start=start, lock_wait=lock_wait)
    deployment = Deployment(run.config, Store(run.config.store), run.out, request)
    try:
        deployment.run()
    finally:
        _show(run, deployment)
    _end(run, deployment)


def _show(run: Run, deployment: Deployment) -> None:
    rows = list(deployment.rows.values())
    if not rows:
        return
    document = {
        "version": deployment.version,
        "environment": deployment.request.environment.name,
        "hosts": [
            {"host": row.host, "state": row.state, "files": row.files, "bytes": row.sent, "seconds": row.seconds}
            for row in rows
        ],
    }
    cells = [(row.host, row.state, row.files, row.sent, row.seconds) for row in rows]
    run.out.table("", _COLUMNS, cells, document)


def _end(run: Run, deployment: Deployment) -> None:
    from deliver.cli import select

    to = select.named(deployment.request.environment, deployment.request.hosts)
    if deployment.is_idle:
        run.out.done(f"nothing to do: {deployment.version} is on {to}")
    elif deployment.request.start:
        run.out.done(f"{deployment.version} runs on {to}")
    else:
        run.out.done(f"{deployment.version} is on {to}; --start makes it run")
