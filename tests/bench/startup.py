"""The cases of what a person waits for before anything happens: beside a program of Invoke that does nothing."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.bench import Bench
from tests.bench.measure import Figure, Row

#: Runs of each, and how many times the time of the other may pass.
RUNS = 9
MOST = 1.5

_NOTHING = """
from invoke import task

@task
def nothing(c):
    "Do nothing."
"""


def _seconds(directory: Path, *argv: str) -> Figure:
    def once() -> float:
        began = time.perf_counter()
        subprocess.run(argv, cwd=directory, capture_output=True, check=True)
        return time.perf_counter() - began

    once()  # from here on Python has its bytecode
    return Figure(statistics.median(once() for _ in range(RUNS)))


def _case(bench: Bench, *words: str) -> Row:
    program = Path(sys.executable).parent
    directory = bench.directory / "nothing"
    directory.mkdir(exist_ok=True)
    (directory / "tasks.py").write_text(_NOTHING)
    project = Path(__file__).parents[2]
    ours = _seconds(project, str(program / words[0]), *words[1:])
    plain = _seconds(directory, str(program / "invoke"), "--list")
    share = ours.seconds / plain.seconds
    wanted = f"at most {MOST}x Invoke's own ({share:.2f}x, {ours.seconds * 1000:.0f} ms)"
    return Row(f"`{' '.join(words)}`", ours, plain, wanted, share <= MOST)


CASES: dict[str, Callable[[Bench], Row]] = {
    "start-list": lambda bench: _case(bench, "invoke", "--list"),
    "start-help": lambda bench: _case(bench, "deliver", "--help"),
    "start-completion": lambda bench: _case(bench, "deliver", "--complete", "--", "deliver rel"),
}
