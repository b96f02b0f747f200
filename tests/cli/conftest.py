import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

TASKS = '''
import os
import signal
import sys
import threading
import time

from invoke import Collection

from deliver.cli.command import Run, command
from deliver.errors import ConfigError, LockedError, RemoteError, UsageError

HELP = {"how": "how it ends", "keep": "a number", "host": "names", "dirty": "a flag", "from_": "a version"}


@command(help=HELP, iterable=("host",))
def try_it(
    run: Run, *, how: str = "", keep: int = 3, host: tuple[str, ...] = (), dirty: bool = True, from_: str = ""
) -> int | None:
    """Try it."""
    run.out.step("prod1", "did it")
    if how == "config":
        run.out.note(run.config.app)
    if how == "locked":
        raise LockedError("me@there is at work\\nsince 10:00", hint="wait")
    if how == "usage":
        raise UsageError("no such thing")
    if how == "remote":
        raise RemoteError("prod1: it failed", status=1, output="last words\\n")
    if how == "fault":
        raise ZeroDivisionError("nobody foresaw this")
    if how == "wait":
        try:
            print("waiting", flush=True)
            time.sleep(30)
        finally:
            print("closed", flush=True)
    if how == "status":
        return 7
    if how == "stdin":
        run.out.note(str(run.out.ask("go on")))
    run.out.table("hosts", ["host", "bytes"], [["prod1", 10], ["prod12", 2000], ["", None]], {"keep": keep})
    run.out.note(f"{keep} {host} {dirty} {from_!r}")
    run.out.done("all well")
    return None


@command(help={"expr": "what to say"}, positional=("expr",))
def say(run: Run, *, expr: str = "") -> None:
    """Say it."""
    run.out.data(expr, expr)


ns = Collection(try_it, say)
'''

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a directory with tasks of our own and a deliver.toml."""
    (tmp_path / "tasks.py").write_text(TASKS, "utf-8")
    (tmp_path / "deliver.toml").write_text('app = "demo"\n[build.env]\nKEY = { env = "KEY" }\n', "utf-8")
    return tmp_path


@pytest.fixture
def environ() -> dict[str, str]:
    """Return the environment of a machine without a terminal."""
    kept = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "LANG"}}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}


def start(
    module: str, words: tuple[str, ...], cwd: Path, environ: Mapping[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", f"import sys; sys.argv[0] = 'x'; {module}", *words]
    return subprocess.run(argv, cwd=cwd, env=environ, input=stdin, capture_output=True, text=True, check=False)


@pytest.fixture
def invoke(project: Path, environ: dict[str, str]) -> Cli:
    """Return a function that runs plain `invoke` in the project."""

    def run(*words: str, **extra: str) -> subprocess.CompletedProcess[str]:
        return start("from invoke.main import program; program.run()", words, project, {**environ, **extra})

    return run


@pytest.fixture
def deliver(project: Path, environ: dict[str, str]) -> Cli:
    """Return a function that runs the console command `deliver` in the project."""

    def run(*words: str, **extra: str) -> subprocess.CompletedProcess[str]:
        return start("from deliver.cli.program import main; main()", words, project, {**environ, **extra})

    return run
