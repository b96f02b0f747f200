"""Cases of the corpus: each is a directory with two versions of an application, and `case.toml`.

    case.toml   what it shows, and what must come of it
    both/       files of both versions, above those of the scaffold
    old/ new/   files of one version, above those
    probe/      Elixir or Erlang that says on the node whether it is as it should be; see `probe.sh`

The application is `sample`, 0.1.0 and 0.2.0, or the two that `versions` in `case.toml` says; its files name 0.1.0.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import tomli

from deliver.config.schema import LOCAL, Build, Config, Host, Rehearsal
from deliver.errors import DeliverError
from deliver.store.store import Store
from deliver.upgrade.flow import Made, Request, build_upgrade
from tests.apps.repository import BASE_VERSION, VERSIONED, Repository
from tests.build.workshop import Workshop
from tests.ports import own_ports

HERE = Path(__file__).parent
CASES = HERE / "cases"
NEXT_VERSION = "0.2.0"
#: What leaves a release in DELIVER_OUTPUT, with one start of the build tool; deliver's own steps take five.
COMMANDS = {
    "elixir": 'MIX_ENV=prod mix release $(grep -qs releases: mix.exs && echo sample) --path "$DELIVER_OUTPUT"',
    "erlang": 'rebar3 as prod release -o "$DELIVER_OUTPUT.all" && mv "$DELIVER_OUTPUT.all/sample" "$DELIVER_OUTPUT"',
}


@dataclass(frozen=True)
class Case:
    """One case.

    Args:
        path: its directory.
    """

    path: Path

    @property
    def name(self) -> str:
        """Its name."""
        return self.path.name

    @cached_property
    def told(self) -> dict[str, Any]:
        """What `case.toml` says."""
        return tomli.loads((self.path / "case.toml").read_text())

    @property
    def versions(self) -> tuple[str, str]:
        """The old version, and the new one."""
        old, new = self.told.get("versions", (BASE_VERSION, NEXT_VERSION))
        return old, new

    def repository(self, path: Path) -> Repository:
        """Make a git repository with both versions, each tagged."""
        path.mkdir(parents=True)
        repository = Repository(path)
        repository.git("init", "--quiet", "--initial-branch", "main")
        for version, side in zip(self.versions, ("old", "new"), strict=True):
            self._write(path, side, version)
            repository.commit(f"Version {version}")
            repository.tag(f"v{version}")
        return repository

    def _write(self, path: Path, side: str, version: str) -> None:
        for entry in path.iterdir():
            if entry.name != ".git":
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        for source in (HERE / "scaffold" / self.told["kind"], self.path / "both", self.path / side):
            if source.is_dir():
                # New times, or git would take files of equal size for unchanged.
                shutil.copytree(source, path, dirs_exist_ok=True, copy_function=shutil.copy)
        for file in path.rglob("*"):
            if any(file.match(pattern) for pattern in VERSIONED):
                file.write_text(file.read_text().replace(BASE_VERSION, version))

    def make(self, path: Path, common: Path) -> Outcome:
        """Build and rehearse it for real, on this machine.

        Args:
            path: a directory for all of it.
            common: a directory in which cases of its kind find what the store of the first one had: most of it is OTP.
        """
        objects, known = path / "store" / "objects", common / self.told["kind"]
        if known.is_dir():
            shutil.copytree(known, objects, copy_function=os.link)
        outcome = self._make(path)
        if not known.is_dir() and objects.is_dir():
            shutil.copytree(objects, known, copy_function=os.link)
        return outcome

    def _make(self, path: Path) -> Outcome:
        repository = self.repository(path / "repository")
        probe = (
            f"sh {HERE / 'probe.sh'} {self.path / 'probe'} {self.versions[0]}" if (self.path / "probe").is_dir() else ""
        )
        config = Config(
            file=path / "deliver.toml",
            app="sample",
            repository=repository.path,
            store=path / "store",
            build=Build(host=Host(LOCAL, path=str(path / "host")), command=COMMANDS[self.told["kind"]]),
            rehearsal=Rehearsal(env={**own_ports(), **self.told.get("env", {})}, probe=probe),
        )
        shop = Workshop(repository, config)
        try:
            made = build_upgrade(config, shop.store, shop.story, Request(*self.versions))
        except DeliverError as error:
            return Outcome(path / "store", None, error.message)
        finally:
            shutil.rmtree(path / "host", ignore_errors=True)
        return Outcome(path / "store", made)


@dataclass(frozen=True)
class Outcome:
    """What came of a case.

    Args:
        place: where its store is.
        made: the pair; None when it can never be one.
        error: why not.
    """

    place: Path
    made: Made | None
    error: str = ""

    @property
    def store(self) -> Store:
        """Its store."""
        return Store(self.place)


def all_cases() -> list[Case]:
    """Return the corpus."""
    return [Case(path.parent) for path in sorted(CASES.glob("*/case.toml"))]
