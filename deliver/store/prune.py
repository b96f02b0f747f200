"""Removing releases that nobody needs, and what only they needed."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deliver.errors import StoreError
from deliver.otp.manifest import Manifest
from deliver.otp.release import Release
from deliver.otp.upgrade.pair import Pair
from deliver.store.failures import told
from deliver.store.store import Store, contents, fits


@dataclass(frozen=True)
class Freed:
    """What removing releases frees, or freed.

    Args:
        releases: which ones.
        objects: how many objects nothing needs any more.
        size: their bytes on the disk, with those of what killed writers left behind.
        upgrades: the pairs of these releases, and those whose releases the store has no more or with other content.
    """

    releases: tuple[Release, ...]
    objects: int
    size: int
    upgrades: tuple[Pair, ...] = ()


@dataclass(frozen=True)
class _Leaving:
    """All that goes: pairs, objects and leftovers, these with their sizes."""

    pairs: tuple[Pair, ...]
    objects: dict[str, int]
    leftovers: dict[str, int]

    def freed(self, releases: Collection[Release]) -> Freed:
        size = sum(self.objects.values()) + sum(self.leftovers.values())
        return Freed(tuple(releases), len(self.objects), size, self.pairs)


def surplus(releases: Collection[Release], keep: int, protected: Collection[str]) -> list[Release]:
    """Return what is beyond the newest `keep` of its name and target, and not protected.

    Args:
        releases: all of them, oldest version first, as `Store.releases` returns them.
        keep: how many of each name and target stay, whatever is protected.
        protected: versions that stay.
    """
    groups: dict[tuple[str, str], list[Release]] = defaultdict(list)
    for release in releases:
        groups[release.name, str(release.target)].append(release)
    old = [release for group in groups.values() for release in group[: max(0, len(group) - keep)]]
    return [release for release in old if release.version not in protected]


def preview(store: Store, releases: Collection[Release]) -> Freed:
    """Return what `remove` would free.

    Raises:
        StoreError: the store cannot be read, or a release that stays is damaged.
    """
    return _leaving(store, releases).freed(releases)


def remove(store: Store, releases: Collection[Release]) -> Freed:
    """Remove releases, their pairs, every object that nothing else needs, and leftovers.

    Call it within `store.alone()`. Records go first, those of pairs before those of releases: a process that is
    killed here leaves objects that nothing needs, never a release or a pair without some.

    Raises:
        StoreError: the store cannot be read or written, or a release that stays is damaged; nothing is removed then.
    """
    leaving = _leaving(store, releases)
    with told(store.path, "write to the store"):
        for pair in leaving.pairs:
            store.upgrades.remove(pair)
        for release in releases:
            store.records.remove(store.records.path(release))
        store.records.forget_builds()
        for digest in leaving.objects:
            store.objects.remove(digest)
        for name in leaving.leftovers:
            _clear(store.path / "tmp" / name)
    return leaving.freed(releases)


def _leaving(store: Store, releases: Collection[Release]) -> _Leaving:
    stay = [one for one in store.releases() if one not in releases]
    pairs = store.pairs()
    gone = tuple(one for one in pairs if not fits(one, stay))
    objects = _unneeded(store, stay, [one for one in pairs if one not in gone])
    return _Leaving(gone, objects, _leftovers(store))


def _unneeded(store: Store, releases: Collection[Release], pairs: Collection[Pair]) -> dict[str, int]:
    needed = {digest for pair in pairs for digest in pair.files.values()}
    for release in releases:
        needed |= {release.manifest} | contents(_manifest(store, release))
    with told(store.path, "read the store"):
        return {one: store.objects.size(one) for one in store.objects.all() if one not in needed}


def _manifest(store: Store, release: Release) -> Manifest:
    try:
        return store.manifest(release)
    except StoreError as error:
        raise StoreError(
            f"{release.name} {release.version} stays, but what it needs cannot be told: {error.message}",
            hint="nothing was removed; `invoke store-verify` shows the damage, and building the version again mends it",
        ) from error


def _leftovers(store: Store) -> dict[str, int]:
    # Whoever has the store alone may take all of it: nobody is left who writes there.
    with told(store.path, "read the store"):
        return {path.name: _size(path) for path in (store.path / "tmp").iterdir()}


def _size(path: Path) -> int:
    size = 0
    for one in [path, *path.rglob("*")]:
        with suppress(FileNotFoundError):
            size += one.lstat().st_size if not one.is_dir() else 0
    return size


def _clear(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
