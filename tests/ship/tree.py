"""Release trees for tests: made, read into a store, and looked at on hosts."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

from deliver.otp.manifest import Entry, Manifest
from deliver.otp.release import Application, Release, Target
from deliver.store.store import Store

TARGET = Target(os="linux", arch="x86_64", libc="glibc", libc_version="2.36", erts="13.1.5")


@dataclass(frozen=True)
class Tree:
    """A release in a directory, and in a store."""

    path: Path
    release: Release
    manifest: Manifest


def entry(root: Path, file: Path) -> Entry:
    path = os.fsdecode(os.fsencode(file.relative_to(root)))
    if file.is_symlink():
        target = os.readlink(file)  # noqa: PTH115  # the text itself is wanted
        return Entry(path, "link", 0o777, 0, hashlib.sha256(os.fsencode(target)).hexdigest(), target)
    data = file.read_bytes()
    return Entry(path, "file", file.stat().st_mode & 0o7777, len(data), hashlib.sha256(data).hexdigest())


def entries(root: Path) -> list[Entry]:
    found = (Path(base) / name for base, dirs, files in os.walk(root) for name in [*files, *dirs])
    return [entry(root, file) for file in found if file.is_symlink() or not file.is_dir()]


def keep(store: Store, path: Path, version: str, *, kind: str = "mix", name: str = "demo") -> Tree:
    """Put a release tree into the store, as a build does: without what only a host has."""
    own = {"releases/COOKIE", "releases/start_erl.data", "releases/RELEASES"}
    found = [one for one in entries(path) if one.path not in own]
    with store.writer() as writer:
        for one in found:
            if one.kind == "file":
                writer.add(one.sha256, [(path / one.path).read_bytes()])
        manifest = Manifest.of(found)
        release = writer.publish(record(path, version, kind=kind, name=name), manifest)
    return Tree(path, release, manifest)


def record(path: Path, version: str, *, kind: str = "mix", name: str = "demo") -> Release:
    names = sorted(lib.name.rsplit("-", 1) for lib in (path / "lib").iterdir())
    return Release(
        name=name,
        version=version,
        target=TARGET,
        applications=tuple(Application(app, vsn) for app, vsn in names),
        kind=kind,
        includes_erts=True,
        commit="c" * 40,
        tag=f"v{version}",
        recipe="r",
        toolchain={"otp": "25"},
        builder="somebody@somewhere",
        build_host="local",
        built_at="2026-01-01T00:00:00Z",
        manifest="",
        size=0,
        new_bytes=0,
    )


def small(path: Path, version: str, **more: bytes) -> Path:
    """Make a tree of a few files that looks like a release; `more` are files by path, with `__` for `/`."""
    files = {
        "bin/demo": f"#!/bin/sh\n# {version}\n".encode(),
        "bin/a tool": b"#!/bin/sh\n# with a space\n",
        "erts-13.1.5/bin/beam.smp": b"\x7fELF" + b"beam" * 5000,
        f"lib/demo-{version}/ebin/demo.app": f"{{application,demo,[{{vsn,'{version}'}}]}}.".encode(),
        f"lib/demo-{version}/ebin/demo.beam": b"FOR1 same code",
        f"lib/demo-{version}/priv/a file with spaces.txt": b"spaces",
        f"lib/demo-{version}/priv/ leading and trailing ": b"more spaces",
        "lib/dep-1.0.0/ebin/dep.beam": b"FOR1 dep",
        f"releases/{version}/demo.rel": f"{{release,{{'demo','{version}'}}}}.".encode(),
        f"releases/{version}/start.boot": f"boot {version}".encode(),
        f"releases/{version}/start_clean.boot": b"the same in all versions",
        f"releases/{version}/sys.config": b"[].\n",
        f"releases/{version}/env.sh": b"#!/bin/sh\n",
        **{key.replace("__", "/"): value for key, value in more.items()},
    }
    for name, data in files.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        file.chmod(0o755 if data.startswith((b"#!", b"\x7fELF")) else 0o644)
    link = path / f"lib/demo-{version}/priv/link"
    if not link.is_symlink():
        link.symlink_to("a file with spaces.txt")
    return path


def renamed(tree: Tree, version: str) -> Release:
    return replace(tree.release, version=version)
