"""Restarting nodes host after host, no further than the first failure."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from deliver.config.schema import Environment, Host
from deliver.errors import DeliverError, MixedFleetError
from deliver.node.control import start, stop
from deliver.remote.session import Session
from deliver.report import Report


def restart(
    sites: Sequence[tuple[Host, Session]],
    environment: Environment,
    app: str,
    report: Report,
    tell: Callable[[str, str], None],
    *,
    kill: bool = False,
) -> None:
    """Stop and start the node of each host, in this order.

    Args:
        sites: the hosts, with an open session to each.
        environment: says how nodes are kept running.
        app: the release's name.
        report: hears of each step.
        tell: called with a host's name and its new state.
        kill: whether a node that does not end by itself is killed.

    Raises:
        DeliverError: the only host failed, or the first one did before anything was changed.
        MixedFleetError: a host failed, and others were restarted before it or wait behind it.
    """
    touched = False
    for at, (host, session) in enumerate(sites):
        try:
            stopped = stop(session, host, environment, app, kill=kill)
            touched = True
            report.step(host.name, stopped.how)
            started = start(session, host, environment, app)
        except DeliverError as error:
            tell(host.name, "failed")
            raise _failure(error, [one.name for one, _ in sites], at, environment, touched=touched) from error
        report.step(host.name, f"started, runs {started.version}")
        tell(host.name, f"runs {started.version}")


def _failure(
    error: DeliverError, names: list[str], at: int, environment: Environment, *, touched: bool
) -> DeliverError:
    if len(names) == 1 or not touched:
        return error
    rest = [word for name in names[at:] for word in ("--host", name)]
    again = shlex.join(["restart", "--on", environment.name, *rest])
    hint = "\n".join(filter(None, [error.hint, f"when that is put right: invoke {again}"]))
    lines = [
        error.message,
        f"restarted: {', '.join(names[:at]) or 'no host'}",
        f"not touched: {', '.join(names[at + 1 :]) or 'no host'}",
    ]
    return MixedFleetError("\n".join(lines), hint=hint)
