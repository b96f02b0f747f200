"""Contents by their SHA-256, compressed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import zstandard

from deliver.errors import StoreError
from deliver.store.failures import told
from deliver.store.staging import staged

LEVEL = 3

_CHUNK = 1 << 18
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Objects:
    """The objects of a store; see `Store`, which is the way to them.

    Args:
        root: the store's directory.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._directory = root / "objects"
        self._tmp = root / "tmp"

    def path(self, sha256: str) -> Path:
        """Return the file that holds an object, or would."""
        if not _DIGEST.fullmatch(sha256):
            raise StoreError(f"not a SHA-256: {sha256[:80]!r}")
        return self._directory / sha256[:2] / sha256[2:]

    def size(self, sha256: str) -> int:
        """Return the compressed bytes of an object; 0 when it is not there.

        A file that lost its content in a power failure is as good as none: no object is empty, compressed.
        """
        try:
            return self.path(sha256).stat().st_size
        except FileNotFoundError:
            return 0

    def all(self) -> Iterator[str]:
        """Yield the digests of all objects."""
        if not self._directory.is_dir():
            return
        for directory in sorted(self._directory.iterdir()):
            digests = (directory.name + file.name for file in directory.iterdir())
            yield from sorted(digest for digest in digests if _DIGEST.fullmatch(digest))

    def add(self, sha256: str, chunks: Iterable[bytes]) -> int:
        """Keep a content; return the compressed bytes that are new. All of `chunks` is taken in any case.

        Raises:
            StoreError: the content has another SHA-256, or cannot be written; nothing is kept then.
        """
        path = self.path(sha256)
        if self.size(sha256):
            _drain(sha256, chunks)
            return 0
        with told(self._root, "write to the store"), staged(self._tmp) as (stage, file):
            _compress(sha256, chunks, file)
            file.close()
            path.parent.mkdir(exist_ok=True)
            stage.replace(path)
            return self.size(sha256)

    def read(self, sha256: str) -> Iterator[bytes]:
        """Yield the plain content of an object, piece by piece; it is good when the end is reached.

        Raises:
            StoreError: the object is missing, damaged or cannot be read.
        """
        path = self.path(sha256)
        digest = hashlib.sha256()
        try:
            with told(self._root, "read the store"), _opened(sha256, path) as file:
                reader = zstandard.ZstdDecompressor().stream_reader(file)
                while chunk := reader.read(_CHUNK):
                    digest.update(chunk)
                    yield chunk
        except zstandard.ZstdError as error:
            raise _damaged(sha256, path) from error
        if digest.hexdigest() != sha256:
            raise _damaged(sha256, path)

    def remove(self, sha256: str) -> None:
        """Forget an object, if it is there."""
        self.path(sha256).unlink(missing_ok=True)


def _opened(sha256: str, path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise StoreError(
            f"the object {sha256} is missing in the store: {path}",
            hint="run `invoke store-verify` to see what depends on it",
        ) from None


def _compress(sha256: str, chunks: Iterable[bytes], file: BinaryIO) -> None:
    compressor = zstandard.ZstdCompressor(level=LEVEL).compressobj()
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
        file.write(compressor.compress(chunk))
    file.write(compressor.flush())
    _same(sha256, digest.hexdigest())


def _drain(sha256: str, chunks: Iterable[bytes]) -> None:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    _same(sha256, digest.hexdigest())


def _same(wanted: str, got: str) -> None:
    if wanted != got:
        raise StoreError(
            f"a content came with the SHA-256 {got} in place of {wanted}",
            hint="it changed on its way here or while it was read: run the same command again",
        )


def _damaged(sha256: str, path: Path) -> StoreError:
    return StoreError(
        f"the object {sha256} of the store is damaged: {path}",
        hint="run `invoke store-verify` to see what depends on it",
    )
