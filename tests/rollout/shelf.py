"""The application `shelf` on a host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deliver.config import load
from deliver.config.schema import Config
from deliver.report import Silent
from deliver.ship.flow import Deployment, Request
from tests.build.workshop import Workshop
from tests.hosts import Fleet
from tests.hosts.host import Host

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from deliver.cli.program import main; main()"]
#: The directory of the stand-in's databases; deliver holds its name for a secret.
DATABASE = "/srv/very secret/database"


@dataclass
class Desk:
    """An operator's working directory."""

    path: Path
    fleet: Fleet
    shop: Workshop
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.write_config()

    def write_config(self, more: str = "") -> None:
        variables = "".join(f'{name} = "{value}"\n' for name, value in self.env.items())
        (self.path / "deliver.toml").write_text(
            f"""
app = "shelf"
repository = "{self.shop.repository.path}"
store = "{self.shop.config.store}"
[ssh]
config = "{self.fleet.ssh_config}"
connect_timeout = 3
[environments.production]
hosts = ["prod1", "prod2"]
path = "/srv"
[environments.production.env]
SHELF_DATABASE = {{ env = "DATABASE" }}
{variables}
{more}
"""
        )

    @property
    def config(self) -> Config:
        return load.load(self.path / "deliver.toml", (), {**os.environ, "DATABASE": DATABASE})

    @property
    def host(self) -> Host:
        """The first of the hosts."""
        return self.fleet["prod1"]

    @property
    def root(self) -> Path:
        """Where its release is."""
        return self.host.path("/srv/shelf")

    def deploy(self, version: str) -> None:
        environment = self.config.environment("production")
        request = Request(version, environment, environment.hosts[:1])
        Deployment(self.config, self.shop.store, Silent(), request).run()

    def begin(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *words],
            cwd=self.path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "DATABASE": DATABASE},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def deliver(self, *words: str) -> tuple[int, Any, str]:
        """Run a command with --json; return its exit code, its document and its messages."""
        process = self.begin(*words, "--json")
        out, err = process.communicate(timeout=120)
        return process.returncode, json.loads(out) if out else {}, err

    def journal(self) -> list[tuple[str, str, str]]:
        """Return what the first host's journal says, but for installations: action, version, outcome."""
        lines = [json.loads(line) for line in (self.root / ".deliver/journal").read_text().splitlines()]
        told = [(line["action"], line["version"], line["outcome"]) for line in lines]
        return [one for one in told if one[0] not in {"install", "activate"}]


def eventually(is_so: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    until = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < until, f"never: {what}"
        time.sleep(0.02)
