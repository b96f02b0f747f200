"""The stream that brings files to a host: a tar made on the fly, compressed, never whole in memory."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from deliver.errors import StoreError

#: zstandard's level: more takes longer than the network of most hosts, and saves little.
LEVEL = 3
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
    data = text.encode("utf-8", "surrogateescape")
    return Member(name, mode, len(data), lambda: [data])


@dataclass
class Traffic:
    """What has gone to a host: bytes before and after compression."""

    plain: int = 0
    sent: int = 0


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


def compressed(chunks: Iterable[bytes], kind: str, traffic: Traffic, told: Callable[[int], None]) -> Iterator[bytes]:
    """Yield `chunks` compressed.

    Args:
        chunks: what to compress.
        kind: `zstd` or `gzip`.
        traffic: counts what goes in and out.
        told: called now and then with the plain bytes so far.
    """
    compress, flush = _zstd() if kind == "zstd" else _gzip()
    for chunk in chunks:
        traffic.plain += len(chunk)
        data = compress(chunk)
        if data:
            traffic.sent += len(data)
            yield data
            told(traffic.plain)
    rest = flush()
    traffic.sent += len(rest)
    yield rest
    told(traffic.plain)


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


def _zstd() -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    import zstandard

    compressor = zstandard.ZstdCompressor(level=LEVEL).compressobj()
    return compressor.compress, compressor.flush


def _gzip() -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    compressor = zlib.compressobj(6, zlib.DEFLATED, 31)
    return compressor.compress, compressor.flush
