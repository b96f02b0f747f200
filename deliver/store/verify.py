"""Whether everything in a store is what it should be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from deliver.errors import StoreError
from deliver.otp.manifest import Manifest
from deliver.otp.release import Release
from deliver.otp.upgrade.pair import Pair
from deliver.store.failures import told
from deliver.store.records import Damaged
from deliver.store.store import Store, contents, fits

_THREADS = 4
_EACH = 64

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Fault:
    """Something in a store that is not as it should be.

    Args:
        kind: what it is: an object or a record.
        name: the object's SHA-256, or the record's file.
        why: what is wrong with it.
        releases: which releases need it, as `name version (target)`, and which upgrades, as `name from..to (target)`.
        files: what it is in them; only the first few.
    """

    kind: Literal["object", "record"]
    name: str
    why: str
    releases: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """What came of a verification.

    Args:
        releases: how many releases have a good record.
        objects: how many objects were read.
        size: their compressed bytes.
        unused: how many of them no release and no upgrade needs; `prune` removes them.
        faults: everything that is wrong.
        upgrades: how many pairs have a good record, and were made for releases as the store has them.
    """

    releases: int
    objects: int
    size: int
    unused: int
    faults: tuple[Fault, ...]
    upgrades: int = 0


def verify(store: Store, progress: Progress = lambda _done, _total: None) -> Report:
    """Read all of a store and compare each object with its name; nobody removes anything meanwhile.

    Args:
        store: which one.
        progress: called with the compressed bytes that are read, and that there are.

    Raises:
        StoreError: the store cannot be read at all, or is of a newer format.
        LockedError: somebody prunes it.
    """
    if not store.exists():
        return Report(0, 0, 0, 0, ())
    with store.reader():
        with told(store.path, "read the store"):
            found = [*store.records.read_all(), *store.upgrades.read_all()]
            sizes = {digest: store.objects.size(digest) for digest in store.objects.all()}
        faults = _objects(store, sizes, progress)
        records = [Fault("record", str(one.path), one.why) for one in found if isinstance(one, Damaged)]
        releases = [one for one in found if isinstance(one, Release)]
        pairs = [one for one in found if isinstance(one, Pair) and fits(one, releases)]
        used = _needed(_needs(store, releases, pairs), faults, sizes)
    objects = sorted(faults.values(), key=lambda fault: fault.name)
    unused = len(sizes.keys() - used)
    return Report(len(releases), len(sizes), sum(sizes.values()), unused, (*records, *objects), len(pairs))


def discard(store: Store, report: Report) -> int:
    """Remove what is damaged, so that building or importing the releases again brings it anew; return how many.

    Raises:
        LockedError: others are at work in the store.
        StoreError: it cannot be written.
    """
    removed = 0
    with store.alone(), told(store.path, "write to the store"):
        for fault in report.faults:
            if fault.kind == "record":
                store.records.remove(Path(fault.name))
                removed += 1
            elif store.objects.path(fault.name).exists() and _fault(store, fault.name) is not None:
                store.objects.remove(fault.name)
                removed += 1
    return removed


def title(release: Release) -> str:
    """Return what a release is called in messages."""
    return f"{release.name} {release.version} ({release.target})"


def _objects(store: Store, sizes: dict[str, int], progress: Progress) -> dict[str, Fault]:
    total = sum(sizes.values())
    faults, done = {}, 0
    progress(0, total)
    with ThreadPoolExecutor(_THREADS) as pool:
        checks = pool.map(lambda digest: (digest, _fault(store, digest)), sizes, chunksize=_EACH)
        for digest, fault in checks:
            done += sizes[digest]
            progress(done, total)
            if fault is not None:
                faults[digest] = fault
    return faults


def _fault(store: Store, digest: str) -> Fault | None:
    try:
        for _ in store.read(digest):
            pass
    except StoreError as error:
        return Fault("object", digest, error.message)
    return None


def _needs(store: Store, releases: list[Release], pairs: list[Pair]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each release and pair, with the objects that it needs and what they are in it."""
    for release in releases:
        needs = {release.manifest: "its manifest"}
        with suppress(StoreError):
            needs.update(_files(store.manifest(release)))
        yield title(release), needs
    for pair in pairs:
        yield str(pair), {digest: name for name, digest in pair.files.items()}


def _needed(needing: Iterable[tuple[str, dict[str, str]]], faults: dict[str, Fault], sizes: dict[str, int]) -> set[str]:
    """Add to `faults` what is missing and who needs it, and return all that is needed."""
    used: set[str] = set()
    for who, needs in needing:
        for digest, path in needs.items():
            if digest not in sizes:
                faults.setdefault(digest, Fault("object", digest, "it is missing"))
            if digest in faults:
                faults[digest] = _blamed(faults[digest], who, path)
        used |= needs.keys()
    return used


def _files(manifest: Manifest) -> dict[str, str]:
    wanted = contents(manifest)
    return {entry.sha256: entry.path for entry in manifest.entries if entry.sha256 in wanted}


def _blamed(fault: Fault, who: str, path: str) -> Fault:
    files = dict.fromkeys((*fault.files, path))
    return replace(fault, releases=(*fault.releases, who), files=tuple(files)[:5])
