"""Operators at an environment of three hosts that are directories of this machine: real scripts, and no SSH."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from deliver.config.schema import Environment, Host, Ssh
from deliver.errors import UnreachableError
from deliver.remote.connect import connect
from deliver.remote.session import Session
from deliver.report import Silent
from deliver.rollout.lock import Found, Held, Holder, free, held, leave

APP = "demo"
NAMES = ("a", "b", "c")


class Told(Silent):
    """Keeps what the operator is told."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.steps: list[str] = []

    def step(self, where: str, what: str) -> None:
        self.steps.append(f"{where}: {what}")

    def warn(self, what: str) -> None:
        self.warnings.append(what)


class Operator:
    """Somebody with a network of their own.

    Args:
        environment: what they work on.
        stack: closes their sessions.
        ssh: how they reach hosts.
    """

    def __init__(self, environment: Environment, stack: ExitStack, ssh: Ssh | None = None) -> None:
        self.environment = environment
        self.told = Told()
        self.unreachable: set[str] = set()
        self.sessions: dict[str, Session] = {}
        self._stack = stack
        self._ssh = ssh or Ssh()

    def open(self, host: Host) -> Session:
        if host.name in self.unreachable:
            raise UnreachableError(f"{host.name} does not answer")
        self.sessions[host.name] = self._stack.enter_context(connect(host, self._ssh, self.told))
        return self.sessions[host.name]

    @contextmanager
    def holds(self, holder: Holder | None = None, wait: float = 0.0) -> Iterator[Held]:
        mine = holder or Holder("release", "0.2.0")
        with held(self.environment, APP, mine, self.open, wait=wait, report=self.told) as lock:
            yield lock

    def leave(self, message: str) -> str:
        return leave(self.environment, APP, message, self.open, wait=0.0, report=self.told)

    def free(self, reason: str = "") -> list[Found]:
        return free(self.environment, APP, self.open, self.told, force=bool(reason), reason=reason)


def directories(path: Path) -> Environment:
    return Environment("production", tuple(Host(name, address="local", path=str(path / name)) for name in NAMES))


def lock_of(path: Path, host: str) -> Path:
    return path / host / APP / ".deliver" / "locks" / "production"


def kill_keeper(lock: Path) -> None:
    """Kill the script that keeps a lock, as a machine that loses its power would."""
    os.killpg(int((lock / "pid").read_text()), signal.SIGKILL)


def until(is_so: Callable[[], object], seconds: float = 60.0) -> None:
    ends = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends, "it does not come about"
        time.sleep(0.02)
