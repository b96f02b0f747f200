"""Taking an OTP release into the store from an archive that `export`, `mix release` or `rebar3 tar` made."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import stat
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from importlib import resources
from pathlib import Path
from typing import Any

from deliver.errors import StoreError, UsageError
from deliver.otp.elf import MAGIC, Binary, binary
from deliver.otp.manifest import Entry, Manifest
from deliver.otp.release import Application, Release, Target
from deliver.store.failures import told
from deliver.store.store import Store, Writer
from deliver.store.unpack import unpack

#: Seconds that Erlang may take to read a `.rel` file.
PATIENCE = 60.0

_CHUNK = 1 << 18
_HOSTS_OWN = re.compile(
    r"releases/(COOKIE|RELEASES|RELEASES\.old|start_erl\.data)|(tmp|log|\.deliver)/.*|erl_crash\.dump"
)
_DATED = re.compile(r"releases/([^/]+/)?[^/]+\.rel|releases/[^/]+/[^/]+\.script")
_DATE = re.compile(rb"%%.*generated at")
_TARGET = re.compile(r"([a-z0-9]+)-(\w+)-(glibc|musl|unknown)", re.ASCII)


def import_archive(store: Store, archive: Path, *, by: str, target: str = "", name: str = "") -> Release:
    """Keep the release that is in an archive; return its record, an older one if the store has it already.

    What belongs to a host and not to a release stays out: the Erlang cookie, RELEASES, start_erl.data, tmp/ and log/.

    Args:
        store: where to.
        archive: a tar file, plain or compressed, with or without a leading directory.
        by: who imports it: `user@machine`.
        target: what it runs on, as `linux-x86_64-glibc`; empty for what its binaries say.
        name: the release's, where no other one is wanted.

    Raises:
        StoreError: no whole archive, nothing that may be taken, or the store has the version with other content.
        UsageError: there is no such file, its binaries do not say what it runs on and nobody else does, or it has
            another name.
    """
    if not archive.exists():
        raise UsageError(f"there is no file {archive}", hint="name an archive that `export`, or tar, has made")
    escript = _escript()
    with store.writer() as writer, _workplace(store) as place:
        root = unpack(archive, place)
        facts = describe(root, escript)
        _refuse_others(root, facts["version"])
        if name and facts["name"] != name:
            raise UsageError(
                f"{archive} has the release {facts['name']}, not {name}",
                hint=f"`app` in deliver.toml says which one is meant; for one run: --set app={facts['name']}",
            )
        entries, binaries, new = _take(writer, root)
        runs_on = _target(binaries, target, facts["erts"])
        manifest = Manifest.of(entries)
        return writer.publish(_record(facts, runs_on, by, new), manifest)


def describe(root: Path, escript: str) -> dict[str, Any]:
    """Have Erlang say what release a directory holds; see `payload/inspect.escript`.

    Raises:
        StoreError: it holds none, or several.
    """
    program = resources.files("deliver.payload").joinpath("inspect.escript")
    with resources.as_file(program) as file:
        command = [escript, str(file), "."]
        try:
            done = subprocess.run(command, cwd=root, capture_output=True, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            raise StoreError(f"Erlang did not read the release in {PATIENCE:.0f} s", hint="try again") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().removeprefix("deliver: ")
        raise StoreError(f"not a release that can be kept: {said}")
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def _escript() -> str:
    found = shutil.which("escript")
    if found is None:
        raise StoreError(
            "reading a release needs Erlang, and there is no `escript` on this machine's PATH",
            hint="install Erlang/OTP (on Debian: `apt install erlang-base`), then run the same command again",
        )
    return found


@contextmanager
def _workplace(store: Store) -> Iterator[Path]:
    place = store.path / "tmp" / f"{os.getpid()}-{secrets.token_hex(8)}"
    with told(store.path, "write to the store"):
        place.mkdir(mode=0o700)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _refuse_others(root: Path, version: str) -> None:
    others = {path.parent.name for path in root.glob("releases/*/*.rel")} - {version}
    if others:
        raise StoreError(
            f"the archive has several versions: {', '.join(sorted({version, *others}))}",
            hint="make an archive of each, from a directory with only that version",
        )


def _take(writer: Writer, root: Path) -> tuple[list[Entry], list[Binary], int]:
    entries, binaries, new = [], [], 0
    with told(root, "read"):
        for path in _files(root):
            name = path.relative_to(root).as_posix()
            if _HOSTS_OWN.fullmatch(name):
                continue
            if path.is_symlink():
                # Not Path.readlink(), which tidies the text: `./x` would become `x`.
                entries.append(_link(name, os.readlink(path)))  # noqa: PTH115
                continue
            if _DATED.fullmatch(name):
                _undate(path)
            entries.append(_entry(name, path))
            new += writer.add(entries[-1].sha256, _chunks(path))
            binaries += _binaries(path)
    return entries, binaries, new


def _files(root: Path) -> Iterable[Path]:
    for directory, names, files in os.walk(root):
        links = [name for name in names if Path(directory, name).is_symlink()]
        yield from (Path(directory, name) for name in sorted([*links, *files]))


def _undate(path: Path) -> None:
    # A boot script's date is no content: building the same commit again must give the same files.
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for at, line in enumerate(lines) if at > 2 or not _DATE.match(line)]  # noqa: PLR2004
    if kept != lines:
        mode = stat.S_IMODE(path.stat().st_mode)
        path.chmod(mode | 0o200)
        path.write_bytes(b"".join(kept))
        path.chmod(mode)


def _link(name: str, target: str) -> Entry:
    digest = hashlib.sha256(os.fsencode(target)).hexdigest()
    return Entry(name, "link", 0o777, 0, digest, target)


def _entry(name: str, path: Path) -> Entry:
    digest = hashlib.sha256()
    for chunk in _chunks(path):
        digest.update(chunk)
    found = path.stat()
    return Entry(name, "file", stat.S_IMODE(found.st_mode), found.st_size, digest.hexdigest())


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _binaries(path: Path) -> list[Binary]:
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return []
    found = binary(path.read_bytes())
    return [] if found is None else [found]


def _target(binaries: list[Binary], named: str, erts: str) -> Target:
    if named:
        match = _TARGET.fullmatch(named)
        if match is None:
            raise UsageError(f"{named!r} is no target", hint="a target is like linux-x86_64-glibc")
        return Target(match[1], match[2], match[3], _newest(binaries), erts)
    machines = {one.arch for one in binaries} - {"unknown"}
    if len(machines) != 1:
        found = f"its binaries are of {', '.join(sorted(machines))}" if machines else "it has no Linux binaries"
        raise UsageError(
            f"the archive does not say what it runs on: {found}", hint="say it: --target linux-x86_64-glibc"
        )
    libcs = {one.libc for one in binaries} - {""}
    return Target("linux", machines.pop(), libcs.pop() if len(libcs) == 1 else "unknown", _newest(binaries), erts)


def _newest(binaries: list[Binary]) -> str:
    versions = [one.libc_version for one in binaries if one.libc_version]
    return max(versions, key=lambda version: [int(part) for part in version.split(".")], default="")


def _record(facts: dict[str, Any], target: Target, by: str, new_bytes: int) -> Release:
    return Release(
        name=facts["name"],
        version=facts["version"],
        target=target,
        applications=tuple(Application(**one) for one in facts["applications"]),
        kind=facts["kind"],
        includes_erts=facts["includes_erts"],
        commit="",
        tag="",
        recipe="",
        toolchain={},
        builder=by,
        build_host="",
        built_at=datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        manifest="",
        size=0,
        new_bytes=new_bytes,
    )
