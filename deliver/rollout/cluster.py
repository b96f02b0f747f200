"""A node among those that it is connected to: whether it is back where it was."""

from __future__ import annotations

import time
from collections.abc import Callable

from deliver.config.schema import Environment, Host
from deliver.errors import DeadlineError, DeliverError, HostKeyError, NodeError, UnreachableError
from deliver.node.answer import decode
from deliver.node.call import asked
from deliver.remote.connect import pause
from deliver.remote.script import payload
from deliver.remote.session import Session

#: Seconds between two looks: the first, and the longest.
SOON, LATE = 0.1, 1.0


def members(session: Session, host: Host, app: str) -> frozenset[str]:
    """Return the full names of the nodes that the node of `host` is connected to, and its own; no hidden ones.

    Raises:
        NodeError: it does not run or does not answer.
        DeadlineError: the host did not tell in time, or the connection was lost.
        UnreachableError: the connection was lost before.
    """
    return frozenset(decode(asked(session, host, app, payload("members.exprs"))).decode("utf-8").split("\n"))


def rejoin(
    session: Session,
    host: Host,
    environment: Environment,
    app: str,
    expected: frozenset[str],
    *,
    reconnect: Callable[[], Session],
) -> str:
    """Return, with what there is to say, once the node of `host` sees all that it is expected to see.

    Args:
        session: an open session to `host`.
        host: whose node.
        environment: its.
        app: the release's name.
        expected: full names: what `members` said before the change, less what is not a member any more, or is itself
            being changed.
        reconnect: opens another session when one was lost.

    Raises:
        NodeError: it did not within `rolling.healthy_deadline`.
        HostKeyError: another machine answers in the host's place.
        UnreachableError: the operator interrupted.
    """
    began, rest, lost = time.monotonic(), SOON, False
    while True:
        try:
            session, lost = (reconnect(), False) if lost else (session, False)
            missing = expected - members(session, host, app)
            reason = f"it does not see {', '.join(sorted(missing))}"
        except HostKeyError:
            raise
        except DeliverError as error:
            missing, reason, lost = expected, error.message, isinstance(error, DeadlineError | UnreachableError)
        if not missing:
            return f"{len(expected)} in the cluster after {time.monotonic() - began:.1f} s"
        left = began + environment.rolling.healthy_deadline - time.monotonic()
        if left <= 0:
            raise _apart(host, environment, reason)
        pause(min(rest, left))
        rest = min(LATE, 2 * rest)


def _apart(host: Host, environment: Environment, reason: str) -> NodeError:
    within = f"within {environment.rolling.healthy_deadline:g} s"
    return NodeError(
        f"{host.name}: its node did not join its cluster again {within}: {reason}",
        hint="what connects the nodes of this application (libcluster, sync_nodes, code of its own) does not, "
        "or they have different cookies; `cluster = false` does not wait for it",
    )
