"""The records of upgrade pairs: one JSON file for each name, from-version, to-version and target."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from deliver.errors import StoreError
from deliver.otp.release import Target
from deliver.otp.upgrade.pair import Pair
from deliver.otp.version import key
from deliver.store.failures import told
from deliver.store.records import Damaged, document, safe, text, unusable
from deliver.store.staging import flush, write


class Pairs:
    """The upgrade pairs of a store; see `Store`, which is the way to them.

    Args:
        root: the store's directory.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._upgrades = root / "upgrades"

    def all(self) -> list[Pair]:
        """Return every pair, by name and versions, oldest first.

        Raises:
            StoreError: a record cannot be read.
        """
        pairs = [_usable(one) for one in self.read_all()]
        return sorted(pairs, key=lambda one: (one.name, key(one.to_version), key(one.from_version), str(one.target)))

    def read_all(self) -> Iterator[Pair | Damaged]:
        """Yield every pair, or what is in its record's place; a store that never had one has no directory for them."""
        with told(self._root, "read the store"):
            for path in sorted(self._upgrades.glob("*/*/*.json")):
                yield self._read(path)

    def path(self, name: str, from_version: str, to_version: str, target: Target) -> Path:
        """Return the file of a pair's record.

        Raises:
            StoreError: its name, versions or target cannot be a file's name.
        """
        way = safe(f"{_side(from_version)}..{_side(to_version)}")
        return self._upgrades / safe(name) / way / f"{safe(str(target))}.json"

    def path_of(self, pair: Pair) -> Path:
        """Return the file of a pair's record; see `path`."""
        return self.path(pair.name, pair.from_version, pair.to_version, pair.target)

    def get(self, path: Path) -> Pair | None:
        """Return the pair whose record is this file, if there is one.

        Raises:
            StoreError: its record cannot be read.
        """
        with told(self._root, "read the store"):
            return _usable(self._read(path)) if path.exists() else None

    def put(self, pair: Pair) -> None:
        """Write a record, in the place of an older one of the same pair."""
        path = self.path_of(pair)
        with told(self._root, "write to the store"):
            write(path, text(pair.to_json()), tmp=self._root / "tmp", replace=True)
            for directory in (path.parent, path.parent.parent, self._upgrades, self._root):
                flush(directory)

    def remove(self, pair: Pair) -> None:
        """Remove a record, and the directories that it leaves empty."""
        path = self.path_of(pair)
        with told(self._root, "write to the store"):
            path.unlink(missing_ok=True)
            for directory in (path.parent, path.parent.parent):
                with suppress(OSError):
                    directory.rmdir()

    def _read(self, path: Path) -> Pair | Damaged:
        try:
            pair = Pair.from_json(document(path))
            if self.path_of(pair) != path:
                return Damaged(path, "it is the record of another upgrade")
        except (ValueError, StoreError) as error:
            return Damaged(path, str(error))
        return pair


def _usable(found: Pair | Damaged) -> Pair:
    if isinstance(found, Damaged):
        raise unusable(found)
    return found


def _side(version: str) -> str:
    # Two dots stand between the versions: 1 to 2..3 and 1..2 to 3 must not be one file.
    if ".." in version:
        raise StoreError(f"the store cannot keep an upgrade of {version!r}: the version has two dots in a row")
    return safe(version)
