"""The configuration's own files in an installed release: written, or linked to what the host has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from deliver.config.schema import Content
from deliver.errors import ConfigError
from deliver.ship.stream import Member

CHUNK = 1 << 18


def members(files: Mapping[str, Content], version: str) -> list[Member]:
    """Return what the stream carries for `files` in the release of this version.

    Raises:
        ConfigError: a path leads out of the release, or a file cannot be read.
    """
    return [_member(path, content, version) for path, content in sorted(files.items())]


def _member(path: str, content: Content, version: str) -> Member:
    path = path.replace("{version}", version)
    if not {"", ".", ".."}.isdisjoint(path.split("/")) or path.split("/")[0] == ".deliver":
        raise ConfigError(f"the file {path!r} of the environment is not inside the release")
    if content.host is not None:
        return Member(path, 0o777, target=content.host)
    if content.source is not None:
        return Member(path, content.mode, _size(content.source), lambda: _read(content.source))
    text = content.secret.reveal if content.secret is not None else content.text or ""
    data = text.encode("utf-8", "surrogateescape")
    return Member(path, content.mode, len(data), lambda: [data])


def _size(source: Path) -> int:
    try:
        return source.stat().st_size
    except OSError as error:
        raise ConfigError(f"{source}: {error.strerror}") from error


def _read(source: Path | None) -> Iterator[bytes]:
    assert source is not None  # noqa: S101  # the caller has looked
    with source.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
