"""The records of releases: one JSON file for each name, version and target."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deliver.errors import StoreError
from deliver.otp.release import Release
from deliver.otp.version import key
from deliver.store.failures import told
from deliver.store.staging import flush, write

_LONGEST = 200


@dataclass(frozen=True)
class Damaged:
    """A record that cannot be read, and why."""

    path: Path
    why: str


class Records:
    """The records of a store; see `Store`, which is the way to them.

    Args:
        root: the store's directory.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._releases = root / "releases"
        self._builds = root / "builds"
        self._tmp = root / "tmp"

    def all(self) -> list[Release]:
        """Return every release, by name, version and target, oldest version first.

        Raises:
            StoreError: a record cannot be read.
        """
        found = list(self.read_all())
        for one in found:
            if isinstance(one, Damaged):
                raise unusable(one)
        releases = [one for one in found if isinstance(one, Release)]
        return sorted(releases, key=lambda one: (one.name, key(one.version), str(one.target)))

    def read_all(self) -> Iterator[Release | Damaged]:
        """Yield every release, or what is in its record's place."""
        with told(self._root, "read the store"):
            for path in sorted(self._releases.glob("*/*/*.json")):
                yield self._read(path)

    def path(self, release: Release) -> Path:
        """Return the file of a release's record.

        Raises:
            StoreError: its name, version or target cannot be a file's name.
        """
        parts = [safe(part) for part in (release.name, release.version, str(release.target))]
        return self._releases.joinpath(*parts[:2], f"{parts[2]}.json")

    def create(self, release: Release) -> bool:
        """Write a record; return False when there is one already."""
        path = self.path(release)
        with told(self._root, "write to the store"):
            if not write(path, text(release.to_json()), tmp=self._tmp, replace=False):
                return False
            for directory in (path.parent, path.parent.parent):
                flush(directory)
            return True

    def get(self, like: Release) -> Release | None:
        """Return the release with the name, version and target of `like`, or None.

        Raises:
            StoreError: its record cannot be read.
        """
        path = self.path(like)
        with told(self._root, "read the store"):
            found = self._read(path) if path.exists() else None
        if isinstance(found, Damaged):
            raise unusable(found)
        return found

    def remove(self, path: Path) -> None:
        """Remove a record, and the directories that it leaves empty."""
        with told(self._root, "write to the store"):
            path.unlink(missing_ok=True)
            for directory in (path.parent, path.parent.parent):
                with suppress(OSError):
                    directory.rmdir()

    def note_build(self, commit: str, recipe: str, release: Release) -> None:
        """Remember that `commit`, built by `recipe`, gives `release`."""
        note = {"format": 1, "name": release.name, "version": release.version, "target": str(release.target)}
        with told(self._root, "write to the store"):
            write(self._build(commit, recipe), text(note), tmp=self._tmp, replace=True)

    def built(self, commit: str, recipe: str) -> Release | None:
        """Return what `commit`, built by `recipe`, gives, if a release of the store is that."""
        with told(self._root, "read the store"):
            try:
                noted = json.loads(self._build(commit, recipe).read_bytes())
                wanted = (noted["name"], noted["version"], noted["target"])
            except (FileNotFoundError, ValueError, KeyError, TypeError):
                # A note is only a shortcut: without it the commit is built again, and the note written anew.
                return None
        found = (one for one in self.all() if (one.name, one.version, str(one.target)) == wanted)
        return next(found, None)

    def forget_builds(self) -> None:
        """Remove notes of builds whose release is gone."""
        releases = {(one.name, one.version, str(one.target)) for one in self.all()}
        with told(self._root, "write to the store"):
            for path in list(self._builds.glob("*/*")):
                if _noted(path) not in releases:
                    self.remove(path)

    def _build(self, commit: str, recipe: str) -> Path:
        return self._builds / safe(commit) / safe(recipe or "none")

    def _read(self, path: Path) -> Release | Damaged:
        try:
            release = Release.from_json(document(path))
            if self.path(release) != path:
                return Damaged(path, "it is the record of another release")
        except (ValueError, StoreError) as error:
            return Damaged(path, str(error))
        return release


def unusable(record: Damaged) -> StoreError:
    """Return the error that says so of a record."""
    return StoreError(
        f"the record {record.path} cannot be used: {record.why}",
        hint="upgrade deliver if a newer one wrote it; if none did, see `invoke store-verify --discard`",
    )


def document(path: Path) -> dict[str, Any]:
    """Return what a record's file has.

    Raises:
        StoreError, ValueError: it has no JSON object.
    """
    found = json.loads(path.read_bytes())
    if not isinstance(found, dict):
        raise StoreError("it is no JSON object")
    return found


def _noted(path: Path) -> tuple[str, str, str] | None:
    try:
        noted = json.loads(path.read_bytes())
        return noted["name"], noted["version"], noted["target"]
    except (ValueError, KeyError, TypeError):
        return None


def text(document: dict[str, Any]) -> bytes:
    """Return what a record's file is to have."""
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def safe(name: str) -> str:
    """Return a name that can be a file's.

    Raises:
        StoreError: it cannot.
    """
    if not name or name.startswith(".") or "/" in name or not name.isprintable() or len(name.encode()) > _LONGEST:
        raise StoreError(
            f"the store cannot keep something that is called {name!r}",
            hint="a name or version has no `/`, no leading dot, nothing unprintable, and no more than 200 bytes",
        )
    return name
