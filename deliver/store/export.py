"""Writing a release as the archive that OTP people know: unpack it into a directory and start it with `bin/<name>`.

The archive has what an installation adds to the stored files: `start_erl.data`, and `RELEASES` with paths that are
relative to Erlang's root directory, so that hot upgrades and downgrades work wherever it is unpacked. It has no
Erlang cookie: that is a secret, and each environment's own.
"""

from __future__ import annotations

import gzip
import io
import os
import secrets
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from deliver.errors import StoreError
from deliver.otp.manifest import Entry
from deliver.otp.release import Release
from deliver.otp.releases_file import STATUS, term
from deliver.store.failures import told
from deliver.store.store import Store

#: What an installation makes for itself: never in a stored release.
START_DATA = "releases/start_erl.data"
RELEASES = "releases/RELEASES"

#: The time of all files: 1980-01-01, which no tool finds implausible.
_MTIME = 315_532_800


def export(store: Store, release: Release, output: Path, *, force: bool = False) -> int:
    """Write the archive of a release; equal releases give equal bytes. Return its size in bytes.

    Args:
        store: where it is kept.
        release: which one.
        output: the archive; it appears when it is whole.
        force: whether a file of that name is replaced.

    Raises:
        StoreError: there is such a file, it cannot be written, or the release is damaged.
    """
    with told(output.parent, "write to"), store.reader():
        if os.path.lexists(output) and not force:
            raise _exists(output)
        stage = output.with_name(f".{output.name}.{secrets.token_hex(8)}")
        try:
            with stage.open("xb") as file:
                _write(store, release, file)
                file.flush()
                os.fsync(file.fileno())
            _name(stage, output, force=force)
        finally:
            stage.unlink(missing_ok=True)
        return output.stat().st_size


def start_data(release: Release) -> str:
    """Return the text of `start_erl.data` that makes a release the one to start."""
    return f"{release.target.erts} {release.version}\n"


def _exists(output: Path) -> StoreError:
    return StoreError(
        f"there is a {output} already", hint="name another file with --output, or replace it with --force"
    )


def _name(stage: Path, output: Path, *, force: bool) -> None:
    if force:
        stage.replace(output)
        return
    try:
        os.link(stage, output)
    except FileExistsError:
        raise _exists(output) from None


def _write(store: Store, release: Release, file: BinaryIO) -> None:
    generated = {
        START_DATA: start_data(release).encode(),
        RELEASES: f"[{term(release, '').replace(STATUS, 'permanent')}].\n".encode(),
    }
    stored = {entry.path: entry for entry in store.manifest(release).entries}
    with (
        gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as tar,
    ):
        for path in sorted(stored.keys() | generated.keys()):
            if path in generated:
                tar.addfile(_info(path, 0o644, len(generated[path])), io.BytesIO(generated[path]))
            else:
                _add(tar, store, stored[path])


def _add(tar: tarfile.TarFile, store: Store, entry: Entry) -> None:
    info = _info(entry.path, entry.mode, entry.size)
    if entry.kind == "link":
        info.type, info.linkname = tarfile.SYMTYPE, entry.target
        tar.addfile(info)
        return
    with io.BufferedReader(_Stream(store.read(entry.sha256)), 1 << 18) as content:
        tar.addfile(info, content)
        # An object tells that it is damaged at its end, and not before.
        content.read()


def _info(path: str, mode: int, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(path)
    info.mode, info.size, info.mtime = mode, size, _MTIME
    info.uname = info.gname = "root"
    return info


class _Stream(io.RawIOBase):
    """Pieces of bytes as a file to read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        taken = self._rest[: len(buffer)]
        buffer[: len(taken)] = taken
        self._rest = self._rest[len(taken) :]
        return len(taken)
