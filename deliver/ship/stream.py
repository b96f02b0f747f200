"""The stream that brings files to a host: a tar made on the fly, compressed, never whole in memory."""

from __future__ import annotations

import os
import tarfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deliver.errors import StoreError

if TYPE_CHECKING:
    import zstandard

#: zstandard's level: more takes longer than the network of most hosts, and saves little.
LEVEL = 3
#: The level for what is told from a reference, and from how many bytes on that takes too long.
PATCH_LEVEL = 12
LARGE = 8 << 20
#: How far back a stream can reach, and how much of it is looked up at once, as powers of two; `zstd -d` takes no more
#: without being asked to.
MOST_WINDOW = 27
MOST_HASH = 24
#: Bytes that gzip compresses at a time, and its level.
BLOCK = 1 << 20
GZIP_LEVEL = 6
_BLOCK = tarfile.BLOCKSIZE


@dataclass(frozen=True)
class Member:
    """A file or symbolic link of the stream.

    Args:
        name: its path.
        mode: permission bits.
        size: bytes; 0 for a link.
        content: opens the content; None for a link.
        target: what a link points to.
    """

    name: str
    mode: int = 0o600
    size: int = 0
    content: Callable[[], Iterable[bytes]] | None = None
    target: str = ""


def text_member(name: str, text: str, mode: int = 0o600) -> Member:
    """Return a file that holds `text`."""
    return bytes_member(name, text.encode("utf-8", "surrogateescape"), mode)


def bytes_member(name: str, data: bytes, mode: int = 0o600) -> Member:
    """Return a file that holds `data`."""
    return Member(name, mode, len(data), lambda: [data])


def tar(members: Iterable[Member]) -> Iterator[bytes]:
    """Yield a tar of `members`, in their order, the same each time.

    Raises:
        StoreError: a content has another size than it should.
    """
    for member in members:
        yield _header(member)
        if member.content is not None:
            yield from _content(member, member.content())
    yield bytes(2 * _BLOCK)


def compressed(
    chunks: Iterable[bytes],
    kind: str,
    told: Callable[[int], None],
    *,
    reference: bytes = b"",
    size: int = 0,
) -> Iterator[bytes]:
    """Yield `chunks` compressed, with all cores when they are many.

    Args:
        chunks: what to compress.
        kind: `zstd` or `gzip`.
        told: called now and then with the plain bytes so far.
        reference: what whoever unpacks it has already; with `zstd` only, whose `--patch-from` reads it.
        size: about how many bytes they are.
    """
    plain = _counted(chunks, told)
    yield from _gzipped(plain) if kind == "gzip" else _zstandard(plain, reference, size)


def _header(member: Member) -> bytes:
    info = tarfile.TarInfo(member.name)
    info.mode = member.mode
    info.size = member.size
    if member.content is None:
        info.type = tarfile.SYMTYPE
        info.linkname = member.target
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def _content(member: Member, chunks: Iterable[bytes]) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > member.size:
            break
        yield chunk
    if size != member.size:
        raise StoreError(
            f"{member.name} has another size than {member.size} bytes", hint="`store-verify` tells what is damaged"
        )
    yield bytes(-size % _BLOCK)


def _counted(chunks: Iterable[bytes], told: Callable[[int], None]) -> Iterator[bytes]:
    count = 0
    for chunk in chunks:
        yield chunk
        count += len(chunk)
        told(count)


def _zstandard(chunks: Iterable[bytes], reference: bytes, size: int) -> Iterator[bytes]:
    compressor = (_patcher(reference, size) if reference else _compressor(size)).compressobj()
    for chunk in chunks:
        data = compressor.compress(chunk)
        if data:
            yield data
    yield compressor.flush()


def _compressor(size: int) -> zstandard.ZstdCompressor:
    import zstandard

    return zstandard.ZstdCompressor(level=LEVEL, threads=_cores() if size >= LARGE else 0)


def _patcher(reference: bytes, size: int) -> zstandard.ZstdCompressor:
    """Return what tells a stream from the reference, all of which must be within reach, and found in one look."""
    import zstandard

    reach = (len(reference) + size).bit_length()
    parameters = zstandard.ZstdCompressionParameters.from_level(
        LEVEL if size >= LARGE else PATCH_LEVEL,
        window_log=max(10, min(reach, MOST_WINDOW)),
        hash_log=max(10, min(reach, MOST_HASH)),
        chain_log=max(10, min(reach, MOST_HASH)),
        write_checksum=True,  # a reference that is not the same must not pass for it
    )
    known = zstandard.ZstdCompressionDict(reference, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    return zstandard.ZstdCompressor(compression_params=parameters, dict_data=known)


def _gzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield blocks, each compressed by itself: one after the other, they are one file for `gzip -d`."""
    with ThreadPoolExecutor(_cores()) as pool:
        under_way: deque[Future[bytes]] = deque()
        for block in _blocks(chunks):
            under_way.append(pool.submit(_gzip_member, block))
            if len(under_way) > 2 * _cores():
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


def _gzip_member(block: bytes) -> bytes:
    compressor = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 31)
    return compressor.compress(block) + compressor.flush()


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    block = bytearray()
    for chunk in chunks:
        block += chunk
        if len(block) >= BLOCK:
            yield bytes(block)
            block.clear()
    yield bytes(block)


def _cores() -> int:
    return os.cpu_count() or 1
