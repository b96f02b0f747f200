"""`scripts/demo`: that it works, and that it leaves nothing behind however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts import leftovers, sweep

pytestmark = [pytest.mark.hosts, pytest.mark.slow]
SCRIPT = Path(__file__).parents[2] / "scripts" / "demo"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Where the demo keeps its things."""
    place = tmp_path / "the demo"
    yield place
    sweep(f"demo in {place}")


def demo(place: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [SCRIPT, *arguments],
        env={**os.environ, "DEMO_DIRECTORY": str(place)},
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def read_to(run: subprocess.Popen[str], word: str) -> None:
    assert run.stdout is not None
    seen = []
    for line in run.stdout:
        seen.append(line)
        if word in line:
            return
    raise AssertionError(f"the demo never says {word!r}:\n{''.join(seen)}")


def is_gone(place: Path) -> bool:
    with leftovers.registry():
        names = [file.read_text() for file in leftovers.BASE.glob("*/name")]
    return not place.exists() and f"demo in {place}" not in names


@pytest.mark.parametrize("word", ["# An application", "compiling", "installed 0.1.0"])
def test_an_interrupted_demo_leaves_nothing_behind(place: Path, word: str) -> None:
    with demo(place) as run:
        read_to(run, word)
        os.killpg(run.pid, signal.SIGINT)
        run.communicate(timeout=60)
    assert run.returncode == 130
    assert is_gone(place)


def test_what_a_killed_demo_leaves_goes_with_down(place: Path) -> None:
    with demo(place) as run:
        read_to(run, "compiling")
        os.killpg(run.pid, signal.SIGKILL)
        run.communicate(timeout=60)
    assert not is_gone(place)
    with demo(place, "--down") as down:
        down.communicate(timeout=60)
    assert down.returncode == 0
    assert is_gone(place)


def test_the_demo_goes_from_a_tag_to_running_nodes_and_they_can_be_kept(place: Path) -> None:
    with demo(place, "--keep") as run:
        output, _ = run.communicate(timeout=300)
    assert run.returncode == 0, output
    after = output.partition("$ talk prod1 incr double version greet\n")[2]
    assert after.startswith("incr: 1\ndouble: 2\nversion: 0.2.0\ngreet: HELLO\n")
    assert "none missing" in output
    assert "versions seen: 0.1.0, 0.2.0, 0.1.0; the counter never went back" in output
    command = 'cd "$1/counter" && . ../env && invoke stop --on staging && invoke ping --on production'
    done = subprocess.run(["sh", "-c", command, "sh", place], check=False, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    with demo(place, "--down") as down:
        down.communicate(timeout=60)
    assert is_gone(place)
