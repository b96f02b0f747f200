"""Real releases, installed in directories of this machine, and their nodes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from deliver.config.schema import Environment, Host, Service, Value
from deliver.node import control
from deliver.node.control import Started, Stopped
from deliver.node.facts import Facts, gather
from deliver.remote.local import LocalSession
from deliver.remote.script import Argument, Script, script
from deliver.report import Silent
from tests.apps.repository import APPS

#: Other workers have nodes too, and look for their cookie among all processes of this machine.
COOKIE = f"a_cookie_for_tests_{os.getpid()}"


class Heard(Silent):
    """A report that keeps the scripts that it is shown and what hosts say."""

    def __init__(self) -> None:
        self.everything: list[str] = []

    def log(self, where: str, text: bytes) -> None:
        self.everything.append(f"{where}: {text.decode()}")

    def script(self, where: str, name: str, shown: str) -> None:
        self.everything.append(f"{where}: {name}: {shown}")


@dataclass
class Installed:
    """A release below a directory, and the way to its node."""

    app: str
    path: Path
    host: Host
    service: Service = field(default_factory=Service)
    heard: Heard = field(default_factory=Heard)
    start_timeout: float = 30.0
    stop_timeout: float = 20.0

    def __post_init__(self) -> None:
        self.session = LocalSession("here", self.heard)

    @property
    def root(self) -> Path:
        return self.path / self.app

    @property
    def environment(self) -> Environment:
        return Environment(
            "production", (self.host,), self.service, start_timeout=self.start_timeout, stop_timeout=self.stop_timeout
        )

    def give(self, **env: Value) -> None:
        """Put variables into the environment of the node."""
        self.host = replace(self.host, env={**self.host.env, **env})

    def start(self) -> Started:
        return control.start(self.session, self.host, self.environment, self.app)

    def stop(self, *, kill: bool = False) -> Stopped:
        return control.stop(self.session, self.host, self.environment, self.app, kill=kill)

    def facts(self) -> Facts:
        return gather(self.session, self.host, self.app)

    def journal(self) -> str:
        return (self.root / ".deliver" / "journal").read_text()

    def variable(self, pid: int, name: str) -> str | None:
        """Return a variable of a process's environment."""
        return variables(pid).get(name)

    def processes(self) -> list[int]:
        """Return all processes that were started from this directory, helpers and watchers too."""
        mark = f"{self.root}/".encode()
        return [pid for pid, words in command_lines() if mark in words or mark in _read(pid, "environ")]

    def end(self) -> None:
        """Kill whatever is left, until nothing starts anew."""
        (self.root / "bin" / self.app).chmod(0)
        eventually(self._kill_all)

    def _kill_all(self) -> bool:
        left = self.processes()
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left


def build_mix(directory: Path, options: str = "") -> Path:
    """Build the application `counter`, with these options of its release; return the release."""
    shutil.copytree(APPS / "counter" / "base", directory)
    project = directory / "mix.exs"
    project.write_text(project.read_text().replace("deps: []", f"deps: [], releases: [counter: [{options}]]"))
    env = {**os.environ, "MIX_ENV": "prod"}
    subprocess.run(["mix", "release", "--quiet"], cwd=directory, env=env, check=True, capture_output=True)
    return directory / "_build" / "prod" / "rel" / "counter"


def build_relx(directory: Path) -> Path:
    """Build the application `bell`; return the release."""
    shutil.copytree(APPS / "bell" / "base", directory)
    subprocess.run(["rebar3", "as", "prod", "release"], cwd=directory, check=True, capture_output=True)
    return directory / "_build" / "prod" / "rel" / "bell"


@contextmanager
def installed(release: Path, path: Path, node: str) -> Iterator[Installed]:
    """A copy of a release below `path`; nothing of it runs any more at the end."""
    app = release.name
    path.mkdir(parents=True, exist_ok=True)
    shutil.copytree(release, path / app, symlinks=True)
    found = Installed(app, path, Host("here", address="local", path=str(path), node=node))
    try:
        yield found
    finally:
        found.end()


def ask(release: Installed, expressions: str) -> Script:
    """Return the script that evaluates Erlang expressions on the node, as they are."""
    arguments: dict[str, Argument] = {
        "path": str(release.path),
        "app": release.app,
        "exprs": expressions,
        "seconds": 10,
    }
    return script("ask.sh", arguments, parts=("node.sh",))


def command_lines() -> Iterator[tuple[int, bytes]]:
    """Yield every process with its command line, words divided by NUL."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            yield int(entry.name), _read(int(entry.name), "cmdline")


def variables(pid: int) -> dict[str, str]:
    """Return the environment of a process."""
    pairs = _read(pid, "environ").decode("utf-8", "replace").split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def eventually(is_so: Callable[[], bool], *, seconds: float = 10.0) -> None:
    """Wait until something is so."""
    ends = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends, "it did not come to be so in time"
        time.sleep(0.05)


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
