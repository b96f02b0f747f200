"""The release's own console on a running node."""

from __future__ import annotations

from deliver.config.schema import Host
from deliver.remote.script import script
from deliver.remote.session import Session


def console(session: Session, host: Host, app: str) -> int:
    """Give the operator's terminal to a console on the node; return the console's exit status.

    No value of the host's environment is sent: the console takes them from the node's process.

    Raises:
        UsageError: the operator has no terminal.
        UnreachableError: the connection was lost.
    """
    arguments = {"path": host.path, "app": app, "env_names": " ".join(host.env)}
    return session.console(script("console.sh", arguments, parts=("node.sh",)))
