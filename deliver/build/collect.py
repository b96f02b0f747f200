"""What a build left: its manifest and target from the lines that the build host says, its contents to the store."""

from __future__ import annotations

import json
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import IO, Any, Protocol

from deliver.errors import BuildError, DeadlineError
from deliver.otp.manifest import Entry, Manifest
from deliver.otp.release import Application, Target
from deliver.remote.script import script
from deliver.remote.session import Session
from deliver.report import Report
from deliver.store.store import Writer

#: Contents of up to this many bytes wait in memory until they are whole.
_SPOOLED = 1 << 24
_CHUNK = 1 << 18


@dataclass(frozen=True)
class Found:
    """What a release directory is.

    Args:
        name: the release's name.
        version: as its `.rel` file says.
        kind: whose start script it has.
        includes_erts: whether it carries its own ERTS.
        applications: in the order of the `.rel` file.
        target: what it runs on.
        manifest: its files.
    """

    name: str
    version: str
    kind: str
    includes_erts: bool
    applications: tuple[Application, ...]
    target: Target
    manifest: Manifest


def found(facts: Iterable[tuple[str, list[str]]]) -> Found:
    """Read what `payload/collect.sh` said.

    Raises:
        BuildError: it did not say all.
        StoreError: a file's name cannot be kept.
    """
    said: dict[str, list[list[str]]] = {}
    for key, values in facts:
        said.setdefault(key, []).append(values)
    try:
        document: dict[str, Any] = json.loads(said["facts"][0][0])
        applications = tuple(Application(**one) for one in document.pop("applications"))
        target = _target(said, document.pop("erts"))
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise BuildError(f"the build host did not say what the release is: {error!r}") from error
    return Found(**document, applications=applications, target=target, manifest=manifest(said))


def manifest(said: dict[str, list[list[str]]]) -> Manifest:
    """Join modes, sizes and hashes of files, and the targets of links."""
    sums = dict(_sum(values[0]) for values in said.get("sum", []))
    files = [
        Entry(_inside(path), "file", int(mode, 8), int(size), sums[path]) for mode, size, path in said.get("file", [])
    ]
    links = [Entry(_inside(path), "link", 0o777, 0, _digest(target), target) for target, path in said.get("link", [])]
    return Manifest.of(files + links)


def _sum(line: str) -> tuple[str, str]:
    digest, path = line.split("  ", 1)
    if digest.startswith("\\"):
        return path.replace("\\\\", "\\"), digest[1:]
    return path, digest


def _inside(path: str) -> str:
    return path.removeprefix("./")


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _target(said: dict[str, list[list[str]]], erts: str) -> Target:
    newest = max((values[0] for values in said.get("needs", [])), key=_numbers, default="")
    (system,), (machine,), (libc,) = (said[key][0] for key in ("os", "arch", "libc"))
    return Target(system, machine, libc, newest, erts)


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part]


class _Inflator(Protocol):
    """Takes compressed bytes as they come."""

    def decompress(self, data: bytes, /) -> bytes:
        """Return what they hold."""


class _Plain:
    """Bytes that are not compressed."""

    def decompress(self, data: bytes, /) -> bytes:
        """Return them."""
        return data


def _inflator(compression: str) -> _Inflator:
    if compression == "zstd":
        import zstandard  # it takes 0.02 s to import

        return zstandard.ZstdDecompressor().decompressobj()
    return zlib.decompressobj(31) if compression == "gzip" else _Plain()


@dataclass
class Intake:
    """Takes the contents of files, one after the other as `payload/stream.sh` sends them, and adds them to a store.

    Args:
        entries: the files, in the order of their contents.
        writer: where they go.
        compression: how the stream is compressed.
        new_bytes: compressed bytes that the store did not have.
        taken: plain bytes that came.
    """

    entries: list[Entry]
    writer: Writer
    compression: str
    new_bytes: int = 0
    taken: int = 0
    _index: int = 0
    _held: int = 0
    _inflate: _Inflator = field(init=False)
    _spool: IO[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self._inflate = _inflator(self.compression)
        self._spool = _new_spool()

    def take(self, data: bytes) -> None:
        """Take some more of the stream.

        Raises:
            StoreError: a content is not what its hash says, or cannot be written.
        """
        rest = memoryview(self._inflate.decompress(data))
        self.taken += len(rest)
        while self._index < len(self.entries) and (rest or self._is_whole):
            piece = rest[: self.entries[self._index].size - self._held]
            self._spool.write(piece)
            self._held += len(piece)
            rest = rest[len(piece) :]
            if self._is_whole:
                self._keep()

    def end(self, where: str) -> None:
        """Say that there is no more.

        Raises:
            DeadlineError: contents are missing.
        """
        self.take_empty()
        self._spool.close()
        if self._index < len(self.entries):
            raise DeadlineError(
                f"{where}: the release did not arrive whole: {self.entries[self._index].path} is missing",
                hint="run the same command again",
            )

    def take_empty(self) -> None:
        """Keep what has no bytes and so comes with none."""
        while self._index < len(self.entries) and self._is_whole:
            self._keep()

    @property
    def _is_whole(self) -> bool:
        return self._held == self.entries[self._index].size

    def _keep(self) -> None:
        self._spool.seek(0)
        self.new_bytes += self.writer.add(self.entries[self._index].sha256, _chunks(self._spool))
        self._spool.seek(0)
        self._spool.truncate()
        self._index += 1
        self._held = 0


def _new_spool() -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(_SPOOLED)  # `Intake.end` closes it


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_CHUNK):
        yield piece


@dataclass(frozen=True)
class Fetch:
    """Brings contents from a directory of a host to a store.

    Args:
        session: to the host.
        directory: of the host.
        compression: `zstd`, `gzip` or `none`.
        timeout: seconds.
        report: hears of the progress.
    """

    session: Session
    directory: str
    compression: str
    timeout: float
    report: Report

    def run(self, files: Manifest, missing: set[str], writer: Writer) -> int:
        """Bring the contents `missing`; return the compressed bytes that the store did not have.

        Raises:
            RemoteError: the host could not send them.
            StoreError: one is not what its hash says, or cannot be written.
        """
        wanted = {one.sha256: one for one in files.entries if one.kind == "file" and one.sha256 in missing}
        if not wanted:
            return 0
        entries = list(wanted.values())
        intake = Intake(entries, writer, self.compression)
        total = sum(entry.size for entry in entries)

        def sink(data: bytes) -> None:
            intake.take(data)
            self.report.progress(self.session.name, intake.taken, total)

        arguments = {
            "directory": self.directory,
            "names": "\n".join(entry.path for entry in entries),
            "compression": self.compression,
        }
        self.session.run(script("stream.sh", arguments), deadline=self.timeout, stdout=sink)
        intake.end(self.session.name)
        return intake.new_bytes

    def discard(self) -> None:
        """Remove the directory.

        Raises:
            RemoteError: it could not be removed.
        """
        self.session.run(script("discard.sh", {"directory": self.directory}, parts=("build_checkout.sh",)))
