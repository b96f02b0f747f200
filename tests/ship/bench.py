"""A store, hosts that are directories of this machine, and deployments between them."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deliver.config.schema import Config, Content, Environment, Host, Ssh
from deliver.node.facts import Facts, gather
from deliver.remote.local import LocalSession
from deliver.report import Silent
from deliver.secret import Secret
from deliver.ship.flow import Deployment, Request
from deliver.store.store import Store
from tests.ship.tree import Tree, keep, small

APP = "demo"


class Heard(Silent):
    """A report that keeps what it is told."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.warnings: list[str] = []
        self.everything: list[str] = []

    def step(self, where: str, what: str) -> None:
        self.steps.append(f"{where}: {what}")

    def warn(self, what: str) -> None:
        self.warnings.append(what)

    def log(self, where: str, text: bytes) -> None:
        self.everything.append(f"{where}: {text.decode()}")

    def script(self, where: str, name: str, shown: str) -> None:
        self.everything.append(f"{where}: {name}: {shown}")


@dataclass
class Bench:
    """Directories in place of hosts, all reached without SSH."""

    base: Path
    names: tuple[str, ...] = ("prod1",)
    files: dict[str, Content] = field(default_factory=dict)
    cookie: Secret | None = None
    heard: Heard = field(default_factory=Heard)

    def __post_init__(self) -> None:
        self.store = Store(self.base / "store")

    @property
    def environment(self) -> Environment:
        hosts = tuple(Host(name, address="local", path=str(self.base / f"srv of {name}")) for name in self.names)
        return Environment("production", hosts, cookie=self.cookie, files=self.files)

    def root(self, name: str = "prod1") -> Path:
        """The release's directory on a host."""
        return self.base / f"srv of {name}" / APP

    def tree(self, version: str, **more: bytes) -> Tree:
        """Build a small release, as it were."""
        return keep(self.store, small(self.base / "trees" / version, version, **more), version)

    def deploy(self, version: str, **options: Any) -> Deployment:
        """Deploy a version to all hosts, or raise what the flow raises."""
        environment = self.environment
        config = Config(
            file=self.base / "deliver.toml",
            app=APP,
            repository=self.base,
            store=self.store.path,
            ssh=Ssh(),
            environments={"production": environment},
        )
        hosts = tuple(one for one in environment.hosts if one.name in options.pop("hosts", self.names))
        deployment = Deployment(config, self.store, self.heard, Request(version, environment, hosts, **options))
        deployment.run()
        return deployment

    def session(self, name: str = "prod1") -> LocalSession:
        return LocalSession(name, self.heard)

    def facts(self, name: str = "prod1") -> Facts:
        host = next(one for one in self.environment.hosts if one.name == name)
        return gather(self.session(name), host, APP)


def snapshot(root: Path) -> dict[str, tuple[int, str]]:
    """Return mode and content of all that lies in a release's directory, but for what changes at each push."""
    passing = (".deliver/journal", ".deliver/incoming", ".deliver/lock", ".deliver/format")
    found: dict[str, tuple[int, str]] = {}
    for base, _, files in os.walk(root):
        for name in files:
            file = Path(base) / name
            path = str(file.relative_to(root))
            if not path.startswith(passing):
                found[path] = (file.lstat().st_mode & 0o7777, _content(file))
    return found


def _content(file: Path) -> str:
    return f"-> {file.readlink()}" if file.is_symlink() else hashlib.sha256(file.read_bytes()).hexdigest()
