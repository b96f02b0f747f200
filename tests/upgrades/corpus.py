"""Cases of the corpus: each is a directory with two versions of an application, and `case.toml`.

    case.toml   what it shows, and what must come of it
    both/       files of both versions, above those of the scaffold
    old/ new/   files of one version, above those
    probe/      Elixir or Erlang that says on the node whether it is as it should be; see `probe.sh`

The application is `sample`, 0.1.0 and 0.2.0, or the two that `versions` in `case.toml` says; its files name 0.1.0.
"""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
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

HERE = Path(__file__).parent
CASES = HERE / "cases"
ROOT = HERE.parents[1]
NEXT_VERSION = "0.2.0"


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

    def make(self, path: Path) -> Outcome:
        """Build and rehearse it for real, on this machine."""
        repository = self.repository(path / "repository")
        probe = (
            f"sh {HERE / 'probe.sh'} {self.path / 'probe'} {self.versions[0]}" if (self.path / "probe").is_dir() else ""
        )
        config = Config(
            file=path / "deliver.toml",
            app="sample",
            repository=repository.path,
            store=path / "store",
            build=Build(host=Host(LOCAL, path=str(path / "host"))),
            rehearsal=Rehearsal(env=self.told.get("env", {}), probe=probe),
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


@dataclass
class Runs:
    """Runs cases ahead of the tests that ask for them: one at a time while other tests run, then on all cores.

    Each runs in a process of its own, which other tests go before, and in the environment as it is before any of them.

    Args:
        place: a directory for all of them.
    """

    place: Path
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor((os.cpu_count() or 1) + 1))
    futures: dict[str, Future[Outcome]] = field(default_factory=dict)
    waiting: deque[Case] = field(default_factory=deque)
    environ: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    def begin(self, cases: Sequence[Case]) -> None:
        """Begin with the first of them."""
        self.futures = {case.name: Future() for case in cases}
        self.waiting.extend(cases)
        self.pool.submit(self._work)

    def end(self) -> None:
        """Begin no others, and wait for those that run."""
        self.waiting.clear()
        self.pool.shutdown()

    def result(self, case: Case) -> Outcome:
        """Return what came of a case."""
        for _ in range(os.cpu_count() or 1):
            self.pool.submit(self._work)
        return self.futures[case.name].result()

    def _work(self) -> None:
        with suppress(IndexError):
            while True:
                case = self.waiting.popleft()
                try:
                    self.futures[case.name].set_result(self._run(case))
                except BaseException as error:  # noqa: BLE001  # the test is told
                    self.futures[case.name].set_exception(error)

    def _run(self, case: Case) -> Outcome:
        command = ["nice", sys.executable, "-m", "tests.upgrades", case.name, str(self.place / case.name)]
        done = subprocess.run(
            command, check=False, capture_output=True, stdin=subprocess.DEVNULL, cwd=ROOT, env=self.environ
        )
        if done.returncode != 0:
            raise RuntimeError(done.stderr.decode("utf-8", "replace"))
        outcome: Outcome = pickle.loads(done.stdout)  # noqa: S301  # our own
        return outcome


def all_cases() -> list[Case]:
    """Return the corpus."""
    return [Case(path.parent) for path in sorted(CASES.glob("*/case.toml"))]
