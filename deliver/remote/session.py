"""An open way to one host, and what came of a script that ran there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from deliver.remote.script import Script

#: The longest that a script may take, in seconds, when its caller names no deadline.
DEADLINE = 60.0

Sink = Callable[[bytes], None]


@dataclass(frozen=True)
class Completed:
    """What a script left behind.

    Args:
        status: its exit status.
        stdout: all that it wrote there, unless a sink took it.
        stderr: the last lines that it wrote there, at most 200.
    """

    status: int
    stdout: bytes
    stderr: str

    @property
    def lines(self) -> list[str]:
        """Stdout, line by line."""
        return self.stdout.decode("utf-8", "surrogateescape").splitlines()

    def facts(self) -> Iterator[tuple[str, list[str]]]:
        """Yield the key and the values of each line that `say` wrote."""
        for line in self.lines:
            key, *values = line.split("\t")
            yield key, values


class Session(Protocol):
    """An open connection to one host; scripts run on it one at a time."""

    @property
    def name(self) -> str:
        """The host's name, as the operator knows it."""

    @property
    def commands(self) -> int:
        """How many scripts have run on it."""

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
        """

    def console(self, script: Script) -> int:
        """Run a script with the operator's terminal as its own; return its exit status."""

    def close(self) -> None:
        """End the connection."""
