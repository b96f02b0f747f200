"""What a host lacks of a release, and whether it can have it at all. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from posixpath import dirname

from deliver.errors import TargetError
from deliver.node.facts import Facts
from deliver.otp.manifest import Entry, Manifest
from deliver.otp.release import Release
from deliver.ship.paths import for_version, is_versioned, refuse_untellable, resting_place, unit

#: The version under which `plan` takes what lies on a host without belonging to an installed version.
FOUND = ""

#: Bytes that must stay free besides what is written.
MARGIN = 8 << 20
#: What a file or directory takes at least, on most file systems.
BLOCK = 4096
#: Files that installing makes besides the release's own.
SPARE_INODES = 100

#: Programs that installing needs besides one that decompresses.
TOOLS = ("awk", "cmp", "find", "sha256sum", "stat", "tar", "xargs")


@dataclass(frozen=True)
class Copy:
    """A file that the host has under another name.

    Args:
        source: where, relative to the release's directory.
        entry: what it becomes.
    """

    source: str
    entry: Entry


@dataclass(frozen=True)
class Shipment:
    """What makes a host have one more version.

    Args:
        release: the version.
        manifest: all its files.
        send: those that cross the network.
        copies: those that the host copies from what it has.
        keep: those that are in their place already.
        base: the installed version whose manifest the new one is told from; None when there is none.
    """

    release: Release
    manifest: Manifest
    send: tuple[Entry, ...]
    copies: tuple[Copy, ...]
    keep: tuple[Entry, ...]
    base: str | None = None

    @property
    def version(self) -> str:
        """The release's version."""
        return self.release.version

    @cached_property
    def send_bytes(self) -> int:
        """Bytes of the files to send, before compression."""
        return sum(entry.size for entry in self.send)

    @cached_property
    def new(self) -> tuple[Entry, ...]:
        """The files that the host will have besides those it has."""
        return (*self.send, *(copy.entry for copy in self.copies))

    @cached_property
    def unversioned(self) -> tuple[Entry, ...]:
        """The files that versions share by name; activation puts them in place."""
        return tuple(entry for entry in self.manifest.entries if not is_versioned(entry.path, self.version))

    @cached_property
    def disk(self) -> int:
        """Bytes that the host needs for it, with a margin."""
        files = sum(-(-entry.size // BLOCK) * BLOCK for entry in self.new)
        return files + len(self._directories) * BLOCK + MARGIN

    @cached_property
    def inodes(self) -> int:
        """Files and directories that the host needs for it, with a margin."""
        return len(self.new) + len(self._directories) + SPARE_INODES

    @cached_property
    def _directories(self) -> set[str]:
        return {dirname(entry.path) for entry in self.new}


def plan(
    release: Release,
    manifest: Manifest,
    has: Mapping[str, Manifest],
    *,
    templates: Collection[str] = (),
    resend: Collection[str] = (),
) -> Shipment:
    """Return what a host needs to have `release`.

    Args:
        release: what to install.
        manifest: its files.
        has: the manifests of what the host has, by version; under `FOUND` what lies there besides.
        templates: paths of the configuration's own files, with `{version}` in them: a host's content of these
            says nothing about the release.
        resend: paths that must not be copied from what the host has, for it is damaged there.

    Raises:
        TargetError: an installed version has other content under the same name.
    """
    refuse_untellable(release.version, manifest)
    own = for_version(templates, release.version)
    _refuse_conflicts(release, manifest, has, own)
    sources = _sources(has, templates)
    send: list[Entry] = []
    copies: list[Copy] = []
    keep: list[Entry] = []
    for entry in manifest.entries:
        source = sources.get((entry.sha256, entry.mode)) if entry.kind == "file" else None
        if _in_place(entry, release.version, has, own):
            keep.append(entry)
        elif source is None or entry.path in resend:
            send.append(entry)
        else:
            copies.append(Copy(source, entry))
    base = _base(manifest, has)
    return Shipment(release, manifest, tuple(send), tuple(copies), tuple(keep), base)


def problems(shipment: Shipment, facts: Facts) -> Iterator[str]:
    """Yield all the reasons why a host cannot have a shipment, by what it says of itself."""
    yield from wrong_target(shipment.release, facts)
    missing = [tool for tool in TOOLS if tool not in facts.tools]
    if not facts.tools & {"zstd", "gzip"}:
        missing.append("gzip")
    if missing:
        yield f"has no {', '.join(missing)}: install it there"
    if facts.free < shipment.disk:
        yield f"has {_mb(facts.free)} free at {facts.root}, and {_mb(shipment.disk)} are needed"
    if 0 <= facts.free_inodes < shipment.inodes:
        yield f"has room for {facts.free_inodes} more files at {facts.root}, and {shipment.inodes} are needed"


def wrong_target(release: Release, facts: Facts) -> Iterator[str]:
    """Yield why a release cannot run on a host."""
    wanted, has = release.target, facts.target
    known = {wanted.libc, has.libc}.isdisjoint({"", "unknown"})
    if (wanted.os, wanted.arch) != (has.os, has.arch) or (known and wanted.libc != has.libc):
        yield f"is {has}, and {release.name} {release.version} was built for {wanted}"
    elif known and _numbers(wanted.libc_version) > _numbers(has.libc_version):
        yield (
            f"has {has.libc} {has.libc_version}, and {release.name} {release.version} needs {wanted.libc_version}: "
            "build it on an older system"
        )


def _refuse_conflicts(release: Release, manifest: Manifest, has: Mapping[str, Manifest], own: Collection[str]) -> None:
    clashes: dict[tuple[str, str], list[str]] = defaultdict(list)
    for version, other in has.items():
        for entry in manifest.entries:
            there = other.by_path.get(entry.path)
            shared = is_versioned(entry.path, release.version) and entry.path not in own
            if there is not None and shared and not _same(entry, there):
                clashes[unit(entry.path), version].append(entry.path)
    if clashes:
        raise _conflict(release, clashes)


def _conflict(release: Release, clashes: Mapping[tuple[str, str], list[str]]) -> TargetError:
    lines = [
        f"  {directory} of {version or 'what was found there'}: {_few(paths)}"
        for (directory, version), paths in sorted(clashes.items())
    ]
    names = sorted({directory.rpartition("/")[2] for directory, _ in clashes})
    head = f"{release.name} {release.version} has other content in directories that the host has by the same name"
    return TargetError(
        "\n".join([f"{head}:", *lines]),
        hint=f"files of an installed version are never changed: give these a new version: {', '.join(names)}",
    )


def _same(one: Entry, other: Entry) -> bool:
    # Who else may read a file is the operator's business; whether its owner can run it is the release's.
    owner = one.mode & 0o700 == other.mode & 0o700
    return (one.kind, one.sha256, one.target) == (other.kind, other.sha256, other.target) and owner


def _in_place(entry: Entry, version: str, has: Mapping[str, Manifest], own: Collection[str]) -> bool:
    if not is_versioned(entry.path, version) or entry.path in own:
        return False
    return any(_same(entry, there) for there in _found(entry.path, has))


def _found(path: str, has: Mapping[str, Manifest]) -> Iterator[Entry]:
    for manifest in has.values():
        there = manifest.by_path.get(path)
        if there is not None:
            yield there


def _sources(has: Mapping[str, Manifest], templates: Collection[str]) -> dict[tuple[str, int], str]:
    sources: dict[tuple[str, int], str] = {}
    for version, manifest in has.items():
        own = for_version(templates, version)
        for entry in manifest.entries:
            if entry.kind == "file" and entry.path not in own:
                place = entry.path if version == FOUND else resting_place(entry.path, version)
                sources.setdefault((entry.sha256, entry.mode), place)
    return sources


def _base(manifest: Manifest, has: Mapping[str, Manifest]) -> str | None:
    wanted = set(manifest.entries)
    shared = {version: len(wanted & set(other.entries)) for version, other in has.items() if version != FOUND}
    return max(shared, key=lambda version: (shared[version], version), default=None)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _few(paths: Iterable[str], most: int = 3) -> str:
    names = list(paths)
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
