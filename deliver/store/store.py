"""The release store: what was built, by content, in a directory.

    format            "1": the version of this layout
    lock              who reads or writes shares it, who removes has it alone
    objects/ab/...    contents by their SHA-256, compressed with zstandard; manifests too
    releases/<name>/<version>/<target>.json   records
    upgrades/<name>/<from>..<to>/<target>.json   records of upgrade pairs; made with the first one
    builds/<commit>/<recipe>                  which release a commit gave, so that it is not built twice
    tmp/              what is being written

Everything is staged in `tmp/` and renamed, and a record is written last: a process that is killed leaves the store
as it was before, but for leftovers in `tmp/` and objects that nothing refers to. `prune` removes both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from deliver.errors import StoreError, UsageError
from deliver.otp.manifest import Manifest
from deliver.otp.release import Release, Target
from deliver.otp.upgrade.pair import Pair
from deliver.store.failures import told
from deliver.store.locking import WAIT, locked
from deliver.store.objects import Objects
from deliver.store.pairs import Pairs
from deliver.store.records import Records
from deliver.store.staging import flush, write

FORMAT = 1

_DIRECTORIES = ("objects", "releases", "builds", "tmp")
_OURS = frozenset({*_DIRECTORIES, "upgrades", "lock", ".gitignore"})


class Store:
    """A release store; safe with several readers and writers at once, on one machine or more.

    Args:
        path: its directory; made when the first release is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.objects = Objects(path)
        self.records = Records(path)
        self.upgrades = Pairs(path)

    def exists(self) -> bool:
        """Whether anything was ever written here.

        Raises:
            StoreError: a newer deliver wrote it, or it cannot be read.
        """
        with told(self.path, "read the store"):
            try:
                text = (self.path / "format").read_text("ascii", "replace").strip()
            except FileNotFoundError:
                return False
        if text != str(FORMAT):
            raise StoreError(
                f"the store {self.path} has format {text!r}; this version of deliver reads {FORMAT}",
                hint="upgrade deliver, or name another directory (`store` in deliver.toml)",
            )
        return True

    @contextmanager
    def writer(self, wait: float = WAIT) -> Iterator[Writer]:
        """Open the store for writing, beside other writers; nothing is removed from it meanwhile.

        Raises:
            LockedError: somebody prunes it, since `wait` seconds.
            StoreError: it cannot be made or written.
        """
        self._make()
        with self._locked(alone=False, wait=wait):
            yield Writer(self)

    @contextmanager
    def reader(self, wait: float = WAIT) -> Iterator[Store]:
        """Keep others from removing anything while the body reads; see `writer`."""
        if not self.exists():
            yield self
            return
        with self._locked(alone=False, wait=wait):
            yield self

    @contextmanager
    def alone(self, wait: float = WAIT) -> Iterator[None]:
        """Keep everybody else out while the body runs.

        Raises:
            LockedError: others are at work, since `wait` seconds.
            StoreError: the store cannot be made or opened.
        """
        self._make()
        with self._locked(alone=True, wait=wait):
            yield

    def missing(self, digests: Iterable[str]) -> set[str]:
        """Return those of `digests` that the store does not have."""
        self.exists()
        with told(self.path, "read the store"):
            return {digest for digest in set(digests) if not self.objects.size(digest)}

    def read(self, sha256: str) -> Iterator[bytes]:
        """Yield the plain content of an object, piece by piece; it is good when the end is reached.

        Raises:
            StoreError: the object is missing, damaged or cannot be read.
        """
        return self.objects.read(sha256)

    def manifest(self, release: Release) -> Manifest:
        """Return the manifest of a release.

        Raises:
            StoreError: it is missing or damaged.
        """
        text = b"".join(self.objects.read(release.manifest))
        return Manifest.parse(text.decode("utf-8", "surrogateescape"))

    def manifest_by_digest(self, digest: str) -> Manifest | None:
        """Return the manifest that has this digest; None when the store does not have it.

        Raises:
            StoreError: it is damaged.
        """
        if self.missing([digest]):
            return None
        return Manifest.parse(b"".join(self.objects.read(digest)).decode("utf-8", "surrogateescape"))

    def releases(self, name: str | None = None) -> list[Release]:
        """Return all releases, or those of one name, oldest version first.

        Raises:
            StoreError: a record cannot be read.
        """
        if not self.exists():
            return []
        return [one for one in self.records.all() if name in {None, one.name}]

    def find(self, name: str, version: str, target: Target | None = None) -> Release:
        """Return the release of exactly this name and version; `latest` is the newest one by the order of versions.

        Args:
            name: the release's name.
            version: exact, or `latest`.
            target: which one, where a version was built for several.

        Raises:
            UsageError: there is none, or there are several and no target was given.
            StoreError: the store cannot be read.
        """
        known = self.releases(name)
        fitting = [one for one in known if target is None or str(one.target) == str(target)]
        if version == "latest" and fitting:
            version = fitting[-1].version
        found = [one for one in fitting if one.version == version]
        if len(found) == 1:
            return found[0]
        if found:
            raise _several(found)
        raise _none(name, version, target, known)

    def pairs(self, name: str | None = None) -> list[Pair]:
        """Return all upgrade pairs, or those of one name, oldest versions first.

        Raises:
            StoreError: a record cannot be read.
        """
        if not self.exists():
            return []
        return [one for one in self.upgrades.all() if name in {None, one.name}]

    def pair(self, name: str, from_version: str, to_version: str, target: Target) -> Pair | None:
        """Return the upgrade pair of exactly these versions, if there is one with all of its files.

        Whether it was made for the releases that the store has now is for `fits` to say.

        Raises:
            StoreError: its record cannot be read, or there cannot be one.
        """
        if not self.exists():
            return None
        found = self.upgrades.get(self.upgrades.path(name, from_version, to_version, target))
        return found if found is not None and not self.missing(found.files.values()) else None

    def built(self, commit: str, recipe: str) -> Release | None:
        """Return what `commit` gives when it is built by `recipe`, if the store has all of it."""
        if not self.exists():
            return None
        release = self.records.built(commit, recipe)
        return release if release is not None and self.is_whole(release) else None

    def is_whole(self, release: Release) -> bool:
        """Whether all objects of a release are there; what is in them is for `store-verify`."""
        manifest = self.manifest_by_digest(release.manifest)
        return manifest is not None and not self.missing(contents(manifest))

    def _make(self) -> None:
        if self.exists():
            return
        with told(self.path, "make the store"):
            self.path.mkdir(parents=True, exist_ok=True)
            strangers = {one.name for one in self.path.iterdir()} - _OURS
            if strangers and not self.exists():
                raise StoreError(
                    f"{self.path} is not a release store: it has {', '.join(sorted(strangers)[:5])}",
                    hint="name an empty or a new directory (`store` in deliver.toml)",
                )
            self._fill()

    def _fill(self) -> None:
        for name in _DIRECTORIES:
            (self.path / name).mkdir(exist_ok=True)
        tmp = self.path / "tmp"
        write(self.path / ".gitignore", b"*\n", tmp=tmp, replace=False)
        write(self.path / "lock", b"", tmp=tmp, replace=False)
        write(self.path / "format", f"{FORMAT}\n".encode(), tmp=tmp, replace=False)

    @contextmanager
    def _locked(self, *, alone: bool, wait: float) -> Iterator[None]:
        with ExitStack() as stack:
            with told(self.path, "lock the store"):
                stack.enter_context(locked(self.path / "lock", alone=alone, wait=wait))
            yield


class Writer:
    """Adds to a store; may be used by several threads. `Store.writer` opens one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._added: list[str] = []

    def add(self, sha256: str, chunks: Iterable[bytes]) -> int:
        """Keep a content; return the compressed bytes that are new. All of `chunks` is taken in any case.

        Raises:
            StoreError: the content has another SHA-256, or cannot be written; nothing is kept then.
        """
        size = self._store.objects.add(sha256, chunks)
        if size:
            self._added.append(sha256)
        return size

    def publish(self, release: Release, manifest: Manifest) -> Release:
        """Keep a release whose contents were added; return its record: the older one, if that has the same files.

        Args:
            release: its record; digest and size of the manifest are filled in.
            manifest: its files.

        Raises:
            StoreError: a content is missing, or the store has the version with other files.
        """
        record = replace(release, manifest=manifest.digest, size=manifest.size)
        self.add(manifest.digest, [manifest.text.encode("utf-8", "surrogateescape")])
        self._refuse_incomplete(record, manifest)
        self._flush()
        if not self._store.records.create(record):
            record = self._present(record, manifest)
        if release.commit:
            self._store.records.note_build(release.commit, release.recipe, record)
        return record

    def publish_pair(self, pair: Pair) -> None:
        """Keep an upgrade pair whose files were added, in the place of an older one of the same versions.

        Raises:
            StoreError: a file is missing, or the record cannot be written.
        """
        absent = self._store.missing(pair.files.values())
        if absent:
            names = sorted(name for name, digest in pair.files.items() if digest in absent)
            raise StoreError(
                f"the upgrade {pair} cannot be kept: the content of {_few(names)} did not arrive",
                hint="run the same command again",
            )
        self._flush()
        self._store.upgrades.put(pair)

    def _refuse_incomplete(self, release: Release, manifest: Manifest) -> None:
        absent = self._store.missing(contents(manifest))
        if absent:
            paths = [entry.path for entry in manifest.entries if entry.sha256 in absent]
            raise StoreError(
                f"{release.name} {release.version} cannot be kept: the content of {_few(paths)} did not arrive",
                hint="run the same command again",
            )

    def _present(self, record: Release, manifest: Manifest) -> Release:
        present = self._store.records.get(record)
        if present is None:
            raise StoreError(f"the record of {record.name} {record.version} vanished", hint="run the command again")
        if present.manifest == record.manifest:
            return present
        raise _other_content(present, _differing(self._store.manifest_by_digest(present.manifest), manifest))

    def _flush(self) -> None:
        # The first fsync writes nearly all; the others find little to do, and do it at once.
        paths = [self._store.objects.path(digest) for digest in self._added]
        directories = {path.parent for path in paths}
        with told(self._store.path, "write to the store"), ThreadPoolExecutor(8) as pool:
            list(pool.map(flush, [*paths, *directories]))
        self._added.clear()


def contents(manifest: Manifest) -> set[str]:
    """Return the digests of the contents of a manifest's files; links have none."""
    return {entry.sha256 for entry in manifest.entries if entry.kind == "file"}


def fits(pair: Pair, releases: Iterable[Release]) -> bool:
    """Whether a pair was made for the content that both of its releases have among `releases`."""
    wanted = {(pair.from_version, pair.from_manifest), (pair.to_version, pair.to_manifest)}
    here = {
        (one.version, one.manifest) for one in releases if (one.name, str(one.target)) == (pair.name, str(pair.target))
    }
    return wanted <= here


def _differing(old: Manifest | None, new: Manifest) -> list[str]:
    if old is None:
        return []
    differing = set(old.entries) ^ set(new.entries)
    return sorted({entry.path for entry in differing})


def _other_content(present: Release, paths: list[str]) -> StoreError:
    what = f"{present.name} {present.version} ({present.target})"
    where = f": {_few(paths)} differ" if paths else ""
    return StoreError(
        f"the store has {what} with other content, built {present.built_at} from {present.commit[:10] or '?'}{where}",
        hint="a version names one content: give the new one a new version, or, when the old one is on no host, remove "
        f"it first with `invoke prune --version {present.version}`",
    )


def _several(found: list[Release]) -> UsageError:
    targets = ", ".join(str(one.target) for one in found)
    return UsageError(
        f"{found[0].name} {found[0].version} is in the store for several targets",
        hint=f"say which with --target: {targets}",
    )


def _none(name: str, version: str, target: Target | None, known: list[Release]) -> UsageError:
    suffix = "" if target is None else f" for {target}"
    versions = list(dict.fromkeys(f"{one.version} ({one.target})" for one in reversed(known)))
    hint = f"it has: {_few(versions, 10)}" if versions else "build one with `invoke build-release`"
    return UsageError(f"the store has no {name} {version}{suffix}", hint=hint)


def _few(names: list[str], most: int = 3) -> str:
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
