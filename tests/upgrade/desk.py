"""An operator at production hosts, and what they do there."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from deliver.store.store import Store
from tests.hosts import Fleet

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "import sys; sys.argv[0] = 'deliver'; from deliver.cli.program import main; main()"]
ALL = ("prod1", "prod2", "prod3")


@dataclass(frozen=True)
class Done:
    """What came of a command: its exit code, what it said to people, and its document."""

    code: int
    told: str
    document: Any

    @property
    def states(self) -> dict[str, str]:
        """The state of each host."""
        return {row["host"]: row["state"] for row in self._rows}

    @property
    def runs(self) -> dict[str, str]:
        """The version that each host is said to run."""
        return {row["host"]: row["to"] for row in self._rows}

    @property
    def flat(self) -> str:
        """What was said, in one line."""
        return " ".join(self.told.split())

    @property
    def command(self) -> list[str]:
        """The command that is told to go on with."""
        line = next(
            line for line in self.told.splitlines() if "when that is put right: " in line or "to go on: " in line
        )
        return shlex.split(line.partition("invoke ")[2])

    @property
    def _rows(self) -> Any:
        return (self.document.get("result", self.document) or {}).get("hosts", [])


@dataclass(frozen=True)
class Desk:
    """An operator's directory.

    Args:
        path: it.
        fleet: the hosts.
        app: what runs there.
        port: where it answers.
        store: the releases and pairs.
        hosts: of production.
    """

    path: Path
    fleet: Fleet
    app: str
    port: int
    store: Store
    hosts: tuple[str, ...] = ALL

    def write_config(self, more: str = "") -> None:
        """Write deliver.toml, with more at its end."""
        (self.path / "deliver.toml").write_text(f"""
app = "{self.app}"
store = "{self.store.path}"
[ssh]
config = "{self.fleet.ssh_config}"
connect_timeout = 3
silence = 3
[upgrade]
timeout = "20s"
[environments.production]
hosts = {json.dumps(self.hosts)}
path = "/srv"
start_timeout = "20s"
stop_timeout = "10s"
{"" if "production.rolling]" in more else "rolling = { min_healthy = 0 }"}
{more}
""")

    def journal(self, name: str) -> list[dict[str, Any]]:
        """Return the lines of a host's journal."""
        return [json.loads(line) for line in (self.root(name) / ".deliver/journal").read_text().splitlines()]

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Begin a command."""
        return subprocess.Popen(
            [*COMMAND, *words],
            cwd=self.path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, process: subprocess.Popen[str]) -> Done:
        """Wait for a command."""
        out, err = process.communicate(timeout=120)
        return Done(process.returncode, err, json.loads(out) if out else {})

    def deliver(self, *words: str) -> Done:
        """Run a command to its end."""
        return self.end(self.begin(*words, "--json"))

    def upgrade(self, version: str, *words: str) -> Done:
        """Upgrade production, without a probation unless the words say one."""
        return self.deliver("deploy-upgrade", "--version", version, "--to", "production", *_probation(words))

    def rollback(self, *words: str) -> Done:
        """Take production back."""
        return self.deliver("rollback", "--on", "production", "--yes", *_probation(words))

    def release(self, version: str, *words: str) -> Done:
        """Bring production to a version of the store."""
        return self.deliver("release", "--version", version, "--to", "production", "--yes", *_probation(words))

    def start(self, version: str, *hosts: str) -> None:
        """Bring a version to hosts, and start it there."""
        done = self.deliver("deploy-release", "--version", version, "--to", "production", "--start", *on(*hosts))
        assert done.code == 0, done.told

    def versions(self) -> dict[str, tuple[str, str]]:
        """Return what `version` says that each host runs, and starts."""
        done = self.deliver("version", "--on", "production")
        return {row["host"]: (row["running"], row["permanent"]) for row in done.document}

    def ask(self, host: str, *questions: str) -> list[str]:
        """Ask the application on a host."""
        with (
            socket.create_connection((self.fleet[host].address, self.port), timeout=5) as line,
            line.makefile() as file,
        ):
            line.sendall("".join(f"{one}\n" for one in questions).encode())
            return [file.readline().strip() for _ in questions]

    def pids(self, *hosts: str) -> list[str]:
        """Return the process of each host's node."""
        return [self.fleet[name].shell("pidof beam.smp") for name in hosts or self.hosts]

    def root(self, host: str = "prod1") -> Path:
        """Return the release's directory on a host, from outside."""
        return self.fleet[host].path(f"/srv/{self.app}")

    def kill_node(self, host: str = "prod1") -> None:
        """Kill a node's process, and return when it is gone."""
        self.fleet[host].shell("kill -KILL $(pidof beam.smp); while pidof beam.smp >/dev/null; do sleep 0.02; done")

    def secrets(self, *hosts: str) -> list[str]:
        """Return files with computed configurations on hosts."""
        found = (self.root(name).glob(".deliver/upgrades/resolved/*") for name in hosts or self.hosts)
        return [str(file) for files in found for file in files]

    def locks(self, *hosts: str) -> list[str]:
        """Return the locks that hosts have."""
        patterns = (".deliver/lock", ".deliver/lock.*", ".deliver/locks/[!.]*")
        roots = [self.root(name) for name in hosts or self.hosts]
        return [str(lock) for root in roots for pattern in patterns for lock in root.glob(pattern)]


def _probation(words: Sequence[str]) -> Sequence[str]:
    return words if "--probation" in words else [*words, "--probation", "0"]


def on(*hosts: str) -> list[str]:
    """Return the options for hosts."""
    return [word for name in hosts for word in ("--host", name)]


def wait_until(true: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """Wait until something holds."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"never: {what}"
        time.sleep(0.005)


def option(words: Sequence[str], name: str) -> list[str]:
    """Return the values of a repeatable option in a command line."""
    return [value for word, value in pairwise(words) if word == name]
