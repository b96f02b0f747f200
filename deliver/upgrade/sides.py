"""The two releases of a pair: from the store, built by their tags, or from archives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deliver.build.flow import build_release
from deliver.build.plan import Request as BuildRequest
from deliver.config.schema import Config
from deliver.errors import UsageError
from deliver.otp.release import Release
from deliver.remote.who import me
from deliver.report import Report
from deliver.store.importing import import_archive
from deliver.store.store import Store


@dataclass(frozen=True)
class Stored:
    """A release that the store has; it is never built.

    Args:
        version: exact, or its tag.
    """

    version: str


#: One side of a pair: a version or its tag, which is built when the store lacks it; a stored release; an archive.
Side = str | Stored | Path


@dataclass
class Sides:
    """Finds the releases of a pair.

    Args:
        config: all of the configuration.
        store: has releases, and gets those that are built or imported.
        report: hears of the progress.
        target: what both run on, as `linux-x86_64-glibc`; empty for whatever the two have in common.
        lock_wait: seconds to wait while somebody else builds.
    """

    config: Config
    store: Store
    report: Report
    target: str = ""
    lock_wait: int = 0

    def find(self, old: Side, new: Side) -> tuple[Release, Release]:
        """Return the release that runs and the one that is to run, of one target where there are such.

        Raises:
            UsageError: the store lacks one that is not to be built, or the archive is of another application.
            SourceError, BuildError: one cannot be built.
            StoreError: an archive is no release, or the store has its version with other content.
        """
        olds, news = self._builds(old), self._builds(new)
        both = [(one, other) for one in olds for other in news if str(one.target) == str(other.target)]
        return both[-1] if both else (olds[-1], news[-1])

    def _builds(self, side: Side) -> Sequence[Release]:
        """Return what a side can be, which is never nothing."""
        if isinstance(side, Path):
            return [self._imported(side)]
        version = side.version if isinstance(side, Stored) else side
        plain = version.removeprefix(self.config.tag_prefix)
        named = [one for one in self.store.releases(self.config.app) if one.version in {version, plain}]
        known = [one for one in named if self.target in {"", str(one.target)}]
        if known:
            return known
        if isinstance(side, Stored):
            raise self._absent(plain)
        request = BuildRequest(tag=version, lock_wait=self.lock_wait)
        return [build_release(self.config, self.store, self.report, request).release]

    def _absent(self, version: str) -> UsageError:
        versions = [f"{one.version} ({one.target})" for one in self.store.releases(self.config.app)]
        suffix = f" for {self.target}" if self.target else ""
        has = f"it has: {', '.join(reversed(versions[-10:]))}" if versions else "it has no release of it"
        return UsageError(
            f"the store has no {self.config.app} {version}{suffix}", hint=f"{has}; --from builds what is not there"
        )

    def _imported(self, archive: Path) -> Release:
        before = self.store.releases(self.config.app)
        release = import_archive(self.store, archive, by=me(), target=self.target, name=self.config.app)
        if release not in before:
            self.report.step("store", f"{release.name} {release.version} ({release.target}) from {archive.name}")
        return release
