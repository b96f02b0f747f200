"""What came of a script that ran on a host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

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
