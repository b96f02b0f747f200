"""Command lines of the operator's: on a host, or on the operator's machine."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from deliver.config.schema import LOCAL, Host, Ssh
from deliver.errors import DeadlineError, RemoteError
from deliver.remote.completed import Completed
from deliver.remote.connect import connect
from deliver.remote.script import Argument, script
from deliver.remote.session import Session
from deliver.report import Report

#: Lines of what a command wrote that its error shows.
SHOWN = 10


@dataclass(frozen=True)
class About:
    """What a command line is about, as its environment tells it.

    Args:
        app: the release's name.
        environment: the environment's name.
        version: that the roll brings; empty for none.
        host: the one host that it is about; empty for none.
        hosts: all of the batch's, or of the roll's.
        occasion: for hooks: when it runs.
    """

    app: str
    environment: str
    version: str
    host: str = ""
    hosts: tuple[str, ...] = ()
    occasion: str = ""

    def variables(self) -> dict[str, str]:
        """Return it as environment variables."""
        return {
            "DELIVER_APP": self.app,
            "DELIVER_ENVIRONMENT": self.environment,
            "DELIVER_VERSION": self.version,
            "DELIVER_HOST": self.host,
            "DELIVER_HOSTS": " ".join(self.hosts) or self.host,
            "DELIVER_OCCASION": self.occasion,
        }


def operator(report: Report) -> AbstractContextManager[Session]:
    """Open a session on the operator's own machine."""
    return connect(Host(LOCAL), Ssh(), report)


def arguments(line: str, variables: Mapping[str, str], directory: str = "") -> dict[str, Argument]:
    """Return what `line.sh` expects: a command line, its environment's own variables, and where it runs."""
    return {"command": line, "directory": directory, "exported": " ".join(variables), **variables}


def run_line(
    session: Session, what: str, line: str, variables: Mapping[str, str], *, timeout: float, directory: str = ""
) -> None:
    """Run a command line to its end; what it writes goes to the report.

    Args:
        session: where.
        what: what to call it in an error: `the drain command`.
        line: read by `sh`.
        variables: of its environment, besides those that a login has there.
        timeout: seconds, then it and all its children are ended.
        directory: where it runs; empty for the home directory, or on this machine for the current one.

    Raises:
        DeadlineError: it did not end in time, or the connection was lost.
        RemoteError: it failed; the message has the last lines that it wrote.
    """
    made = script("command.sh", arguments(line, variables, directory), parts=("line.sh",))
    done = session.run(made, deadline=timeout, check=False)
    if done.status == 0:
        return
    if "deliver: the deadline of " in done.stderr:
        raise DeadlineError(f"{session.name}: {what} did not end within {timeout:g} s{shown(done)}", status=done.status)
    raise RemoteError(f"{session.name}: {what} ended with status {done.status}{shown(done)}", status=done.status)


def shown(done: Completed) -> str:
    """Return the last lines that a command wrote, for an error."""
    lines = [line for line in done.stderr.splitlines() if line and not line.startswith("deliver: ")]
    return "".join(f"\n  | {line}" for line in lines[-SHOWN:])
