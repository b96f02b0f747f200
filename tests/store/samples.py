"""Small releases: real files and records, made of names and contents."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import replace
from pathlib import Path

from deliver.otp.manifest import Entry, Manifest
from deliver.otp.release import Application, Release, Target
from deliver.store.store import Store, Writer

LINUX = Target("linux", "x86_64", "glibc", "2.34", "13.1.5")
MUSL = Target("linux", "x86_64", "musl", "", "13.1.5")

RECORD = Release(
    name="demo",
    version="0.1.0",
    target=LINUX,
    applications=(Application("kernel", "8.5.3"), Application("demo", "0.1.0")),
    kind="mix",
    includes_erts=True,
    commit="0123456789abcdef0123456789abcdef01234567",
    tag="v0.1.0",
    recipe="r1",
    toolchain={"otp": "25", "elixir": "1.14.0"},
    builder="ann@laptop",
    build_host="build1",
    built_at="2024-01-02T03:04:05Z",
    manifest="",
    size=0,
    new_bytes=0,
)

FILES = {"bin/demo": b"#!/bin/sh\n", "lib/demo-0.1.0/ebin/demo.beam": b"beam" * 999, "lib/demo-0.1.0/priv/empty": b""}


def sha256(content: bytes) -> str:
    """Return the digest that the store knows `content` by."""
    return hashlib.sha256(content).hexdigest()


def file(path: str, content: bytes) -> Entry:
    """Return the entry of a file."""
    return Entry(path, "file", 0o644, len(content), sha256(content))


def manifest(files: dict[str, bytes]) -> Manifest:
    """Return the manifest of files."""
    return Manifest.of([file(path, content) for path, content in files.items()])


def record(version: str = "0.1.0", name: str = "demo", target: Target = LINUX, commit: str = "") -> Release:
    """Return a record that says little more than what it is of."""
    commit = commit or hashlib.sha1(f"{name} {version}".encode(), usedforsecurity=False).hexdigest()
    return replace(RECORD, version=version, name=name, target=target, commit=commit)


def put(store: Store, release: Release = RECORD, files: dict[str, bytes] | None = None) -> Release:
    """Put a release into a store; by default one whose beam has the version in it, beside files that all share."""
    with store.writer() as writer:
        return put_with(writer, release, files)


def put_with(writer: Writer, release: Release, files: dict[str, bytes] | None = None) -> Release:
    """Put a release into a store that is open for writing."""
    files = files or {**FILES, "lib/demo/ebin/version.beam": f"{release.version} {release.target}".encode()}
    added = sum(writer.add(sha256(content), [content]) for content in files.values())
    return writer.publish(dataclasses.replace(release, new_bytes=added), manifest(files))


def tree(root: Path) -> dict[str, bytes]:
    """Return every file below a directory, but for those that are being written."""
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    found = {path.relative_to(root).as_posix(): path.read_bytes() for path in files}
    return {name: content for name, content in found.items() if not name.startswith("tmp/")}
