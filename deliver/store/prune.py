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
from deliver.store.failures import told
from deliver.store.store import Store, contents


@dataclass(frozen=True)
class Freed:
    """What removing releases frees, or freed.

    Args:
        releases: which ones.
        objects: how many objects nothing needs any more.
        size: their bytes on the disk, with those of what killed writers left behind.
    """

    releases: tuple[Release, ...]
    objects: int
    size: int


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
    objects, leftovers = _unneeded(store, releases), _leftovers(store)
    return Freed(tuple(releases), len(objects), sum(objects.values()) + sum(leftovers.values()))


def remove(store: Store, releases: Collection[Release]) -> Freed:
    """Remove releases, every object that no other needs, and leftovers. Call it within `store.alone()`.

    Records go first: a process that is killed here leaves objects that nothing needs, never a release without some.

    Raises:
        StoreError: the store cannot be read or written, or a release that stays is damaged; nothing is removed then.
    """
    objects, leftovers = _unneeded(store, releases), _leftovers(store)
    with told(store.path, "write to the store"):
        for release in releases:
            store.records.remove(store.records.path(release))
        store.records.forget_builds()
        for digest in objects:
            store.objects.remove(digest)
        for name in leftovers:
            _clear(store.path / "tmp" / name)
    return Freed(tuple(releases), len(objects), sum(objects.values()) + sum(leftovers.values()))


def _unneeded(store: Store, leaving: Collection[Release]) -> dict[str, int]:
    needed = set[str]()
    for release in store.releases():
        if release not in leaving:
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
