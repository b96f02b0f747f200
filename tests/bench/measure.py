"""Seconds and bytes of commands, and the table they end in."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Figure:
    """What one way of doing a thing cost: seconds (the median of its runs), and bytes that crossed the network.

    Under load nobody can tell whose bytes they are; then there are -1 of them.
    """

    seconds: float
    network: int = -1


@dataclass(frozen=True)
class Row:
    """One case: our way, the plain way, and the least that is asked of us."""

    case: str
    ours: Figure
    plain: Figure
    wanted: str = ""
    met: bool | None = None

    @property
    def speed(self) -> float:
        """How many times faster our way is."""
        return self.plain.seconds / self.ours.seconds

    def document(self) -> dict[str, Any]:
        """Return the row for `--json`."""
        return {
            "case": self.case,
            "ours": vars(self.ours),
            "plain": vars(self.plain),
            "speed": round(self.speed, 2),
            "wanted": self.wanted,
            "met": self.met,
        }


class Meter:
    """Measures commands of an operator.

    Args:
        link: the network interface that leads to all hosts.
        environ: what the commands run with, besides our own environment.
        directory: where they run.
    """

    def __init__(self, link: str, environ: dict[str, str], directory: Path) -> None:
        self._statistics = Path("/sys/class/net", link, "statistics")
        self._environ = environ
        self._directory = directory

    def run(self, *argv: str) -> str:
        """Run a command to its end; return what it wrote on stdout."""
        done = subprocess.run(
            argv,
            cwd=self._directory,
            env={**os.environ, **self._environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"bench: {' '.join(argv)} failed:\n{done.stdout.decode()}\n{done.stderr.decode()}")
        return done.stdout.decode()

    def measure(
        self, work: Callable[[], object], *, runs: int = 1, before: Callable[[], object] = lambda: None
    ) -> Figure:
        """Return what `work` costs, the median of `runs`; what is done before each of them costs nothing."""
        figures = []
        for _ in range(runs):
            before()
            figures.append(self._once(work))
        middle = statistics.median(figure.seconds for figure in figures)
        return Figure(middle, int(statistics.median(figure.network for figure in figures)))

    def _once(self, work: Callable[[], object]) -> Figure:
        before, began = self._bytes(), time.perf_counter()
        work()
        return Figure(time.perf_counter() - began, self._bytes() - before)

    def _bytes(self) -> int:
        return sum(int((self._statistics / name).read_text()) for name in ("rx_bytes", "tx_bytes"))


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table for people."""
    lines = [("case", "ours", "plain", "faster", "bytes", "plain", "wanted")]
    lines += [
        (
            row.case,
            f"{row.ours.seconds:.2f} s",
            f"{row.plain.seconds:.2f} s",
            f"{row.speed:.1f}x",
            _amount(row.ours.network),
            _amount(row.plain.network),
            f"{row.wanted}: {'met' if row.met else 'MISSED'}" if row.wanted else "",
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def _amount(number: int) -> str:
    if number < 0:
        return ""
    return f"{number / 1e6:.2f} MB" if number > 99_999 else f"{number / 1e3:.1f} kB"
