"""The manifest of a release: every file of it, in one canonical text."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from deliver.errors import StoreError

HEADER = "deliver-manifest 1"


@dataclass(frozen=True, order=True)
class Entry:
    """One file or symbolic link of a release.

    Args:
        path: relative to the release's root, with `/` between its parts.
        kind: `file`, or `link` for a symbolic link.
        mode: permission bits, e.g. 0o644; always 0o777 for a link.
        size: bytes; 0 for a link.
        sha256: of the content, in hex; of the target's text for a link.
        target: what a link points to; empty for a file.
    """

    path: str
    kind: Literal["file", "link"]
    mode: int
    size: int
    sha256: str
    target: str = ""

    def line(self) -> str:
        """Return this entry as its line of the manifest."""
        suffix = f" -> {self.target}" if self.kind == "link" else ""
        return f"{self.kind} {self.mode:04o} {self.size} {self.sha256} {self.path}{suffix}"


@dataclass(frozen=True)
class Manifest:
    """Every file of a release, sorted by path; its digest names the release's content."""

    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, entries: list[Entry]) -> Manifest:
        """Return the manifest of `entries`, in whatever order they come.

        Raises:
            StoreError: a name cannot be told in a manifest, or leads out of the release.
        """
        return cls(tuple(sorted(_sound(entry) for entry in entries)))

    @classmethod
    def parse(cls, text: str) -> Manifest:
        """Read what `text()` wrote.

        Raises:
            StoreError: the text is no manifest, is damaged, or is of a newer format.
        """
        head, _, body = text.partition("\n")
        if head != HEADER:
            raise StoreError(f"not a manifest that this version reads: it begins with {head[:40]!r}")
        # Not splitlines(): it divides at characters that a file's name may have.
        return cls(tuple(_sound(_entry(line)) for line in body.split("\n")[:-1]))

    @cached_property
    def text(self) -> str:
        """The manifest as text: a header line, then a line an entry."""
        return "\n".join([HEADER, *(entry.line() for entry in self.entries), ""])

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the text, in hex."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogateescape")).hexdigest()

    @cached_property
    def by_path(self) -> dict[str, Entry]:
        """The entries by their path."""
        return {entry.path: entry for entry in self.entries}

    @cached_property
    def size(self) -> int:
        """The bytes of all files together."""
        return sum(entry.size for entry in self.entries)


def _sound(entry: Entry) -> Entry:
    path = entry.path
    told = "\n" not in path + entry.target and not (entry.kind == "link" and " -> " in path)
    if not told or "\0" in path or not {"", ".", ".."}.isdisjoint(path.split("/")):
        raise StoreError(f"a release cannot have a file that is called {path!r}", hint="rename it in the project")
    return entry


def _entry(line: str) -> Entry:
    try:
        kind, mode, size, sha256, path = line.split(" ", 4)
        if kind == "link":
            path, target = path.split(" -> ", 1)
            return Entry(path, "link", int(mode, 8), int(size), sha256, target)
        if kind == "file":
            return Entry(path, "file", int(mode, 8), int(size), sha256)
    except ValueError:
        pass
    raise StoreError(f"a damaged line in a manifest: {line[:120]!r}")
