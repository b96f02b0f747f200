"""A place to build in: a repository of one of our applications, this machine as the build host, and a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from deliver.build.flow import Built, build_release
from deliver.build.plan import Request
from deliver.config.schema import LOCAL, Build, Config, Host
from deliver.otp.manifest import Manifest
from deliver.store.store import Store
from tests.apps.repository import Repository, Tag, make_repository


@dataclass
class Story:
    """A report that keeps everything."""

    steps: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    scripts: list[tuple[str, str]] = field(default_factory=list)
    fetched: list[tuple[int, int]] = field(default_factory=list)
    _logged: bytes = b""

    def step(self, _where: str, what: str) -> None:
        self.steps.append(what)

    def warn(self, what: str) -> None:
        self.warnings.append(what)

    def progress(self, _where: str, done: int, total: int) -> None:
        self.fetched.append((done, total))

    def log(self, _where: str, text: bytes) -> None:
        self._logged += text

    def script(self, _where: str, name: str, shown: str) -> None:
        self.scripts.append((name, shown))

    @property
    def logged(self) -> str:
        return self._logged.decode()

    @property
    def ran(self) -> list[str]:
        return [name for name, _ in self.scripts]


@dataclass
class Workshop:
    """Builds one application."""

    repository: Repository
    config: Config
    story: Story = field(default_factory=Story)

    @classmethod
    def make(
        cls,
        path: Path,
        app: str,
        versions: Sequence[str | Tag] = ("v0.1.0", "v0.2.0"),
        *,
        release: str = "",
        files: Mapping[str, str] | None = None,
    ) -> Workshop:
        repository = make_repository(path / f"{app} repository", app, versions, files=files)
        build = Build(host=Host(LOCAL, path=str(path / "build host")))
        config = Config(
            file=path / "deliver.toml",
            app=release or app,
            repository=repository.path,
            store=path / "store",
            build=build,
        )
        return cls(repository, config)

    @property
    def store(self) -> Store:
        return Store(self.config.store)

    @property
    def root(self) -> Path:
        """The application's directory on the build host."""
        return Path(self.config.build.host.path) / self.config.app

    def use(self, **build: Any) -> None:
        """Change [build]."""
        self.config = replace(self.config, build=replace(self.config.build, **build))

    def build(self, **request: Any) -> Built:
        """Build, with a story of its own."""
        self.story = Story()
        return build_release(self.config, self.store, self.story, Request(**request))

    def manifest(self, **request: Any) -> Manifest:
        """Build, and return what came of it."""
        return self.store.manifest(self.build(**request).release)

    def leftovers(self) -> set[str]:
        """What the build host keeps besides what later builds use."""
        output = self.root / "output"
        beside = {path.name for path in self.root.iterdir()} - {"repository.git", "checkout", "cache", "output"}
        return beside | {path.name for path in output.iterdir()}
