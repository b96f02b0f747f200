"""An open way to one host, on which scripts run."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from collections.abc import Iterable

from deliver.remote.completed import Completed, Sink
from deliver.remote.pump import COMMAND, Pipes, Run
from deliver.remote.script import Script
from deliver.report import Report

#: The longest that a script may take, in seconds, when its caller names no deadline.
DEADLINE = 60.0


class Session(ABC):
    """An open connection to one host; scripts run on it one at a time.

    Args:
        name: the host's name, as the operator knows it.
        report: hears of every script, and of what it writes on stderr.
    """

    def __init__(self, name: str, report: Report) -> None:
        self.name = name
        #: How many scripts have run on it.
        self.commands = 0
        self.report = report

    def run(
        self,
        script: Script,
        *,
        deadline: float = DEADLINE,
        stdin: Iterable[bytes] | None = None,
        stdout: Sink | None = None,
        stderr: Sink | None = None,
        check: bool = True,
    ) -> Completed:
        """Run a script on the host, to its end.

        Args:
            script: what to run.
            deadline: seconds; the host ends the script then, and so do we a little later.
            stdin: data for the script, sent piece by piece as the host takes it; None for none.
            stdout: takes the output as it comes, in place of `Completed.stdout`.
            stderr: takes the messages as they come, besides `Completed.stderr`.
            check: whether an exit status other than 0 is an error.

        Raises:
            RemoteError: the script failed, and `check` is set.
            DeadlineError: it did not end in time, or the connection was lost: its outcome is unknown.
            UnreachableError: the connection was lost before.
        """
        self.report.script(self.name, script.name, script.shown())
        self.commands += 1
        wire = script.wire(deadline=deadline, takes_stdin=stdin is not None)
        pipes = self._start(COMMAND.format(size=len(wire)))
        sink = stderr or (lambda data: self.report.log(self.name, data))
        return Run(self.name, script, wire, pipes, deadline, stdout, sink).to_end(stdin, check=check)

    @abstractmethod
    def console(self, script: Script) -> int:
        """Run a script with the operator's terminal as its own; return its exit status."""

    @abstractmethod
    def connect_to(self, address: str, port: int, timeout: float) -> socket.socket:
        """Open a TCP connection as the host itself would, through this session.

        Who sends a little and then a little more sends at once: Nagle's algorithm is off. Shutting the connection down
        for writing ends it.

        Args:
            address: a name or address as the host knows it: `127.0.0.1` is the host itself.
            port: where to.
            timeout: seconds to connect; the socket has it too.

        Raises:
            OSError: nobody takes the connection there; TimeoutError when nobody did in time.
            RemoteError: the host's sshd may not connect for us.
            UnreachableError: the session's own connection was lost.
        """

    @abstractmethod
    def close(self) -> None:
        """End the connection, and what runs on it; may be called from any thread, and again."""

    @abstractmethod
    def _start(self, command: str) -> Pipes:
        """Begin a command line, and return its streams."""
