"""What a node has written to its log."""

from __future__ import annotations

from dataclasses import replace

from deliver.config.schema import Environment, Host
from deliver.node.service import arguments
from deliver.remote.completed import Sink
from deliver.remote.script import Argument, script
from deliver.remote.session import Session

#: Seconds after which following a log ends by itself.
A_WEEK = 7 * 24 * 3600.0


def read(
    session: Session, host: Host, environment: Environment, app: str, sink: Sink, *, lines: int, follow: bool = False
) -> None:
    """Pass the last `lines` lines of the node's log to `sink`, and with `follow` all that come, until interrupted.

    Raises:
        RemoteError: there is no log, or this user may not read it.
        DeadlineError: the connection was lost.
    """
    given: dict[str, Argument] = {
        **arguments(replace(host, env={}), environment.service, app),  # reading needs none of it
        "lines": lines,
        "follow": "yes" if follow else "no",
    }
    made = script("logs.sh", given, parts=("node.sh", "service.sh"))
    session.run(made, stdout=sink, deadline=A_WEEK if follow else 60.0)
