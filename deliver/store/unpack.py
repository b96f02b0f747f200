"""Unpacking an archive that somebody else made, so that nothing of it lands outside."""

from __future__ import annotations

import lzma
import os
import re
import shutil
import tarfile
import zlib
from gzip import BadGzipFile
from pathlib import Path

from deliver.errors import StoreError
from deliver.store.failures import told

_CONSOLE = re.compile(r"(?:^|/)tmp/(?:pipe/)?erlang\.pipe\.\d+(?:\.[rw])?$", re.ASCII)
_DAMAGE = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, BadGzipFile)


def unpack(archive: Path, directory: Path) -> Path:
    """Unpack a tar archive of a release, plain or compressed, and return the directory that has `releases/`.

    Args:
        archive: with or without a leading directory.
        directory: an empty one, where the files go.

    Raises:
        StoreError: it is no archive, it is damaged, no release is in it, it has what a release must not have, or
            the disk does not take it.
    """
    root = Path(os.path.realpath(directory))
    try:
        with told(archive, "read"):
            tar = tarfile.open(archive, errors="surrogateescape")  # noqa: SIM115  # closed below
        with tar, told(directory, f"unpack {archive.name} into"):
            for member in tar:
                _place(tar, member, root)
            _refuse_cut(tar)
    except _DAMAGE as error:
        raise StoreError(f"{archive} is no whole tar archive: {error}", hint="see whether it arrived whole") from error
    _refuse_links(root)
    return _release_root(root, archive)


def _place(tar: tarfile.TarFile, member: tarfile.TarInfo, root: Path) -> None:
    path = _path(member.name, root)
    if path == root or _is_nodes_pipe(member):
        return
    _make_parents(path, root)
    if member.isdir():
        _make(path, member.name)
    elif member.issym():
        _clear(path, member.name)
        path.symlink_to(member.linkname)
    elif member.islnk():
        _link(path, _path(member.linkname, root), root, member.name)
    elif member.isfile():
        _write(tar, member, path)
    else:
        raise _refused(member.name, "it is neither file, directory nor link")


def _is_nodes_pipe(member: tarfile.TarInfo) -> bool:
    # run_erl removes the pipes of its console after the node has ended, and not at all when it was killed.
    return member.isfifo() and _CONSOLE.search(member.name) is not None


def _refuse_cut(tar: tarfile.TarFile) -> None:
    # tarfile takes a damaged header for the end, and does not read as far as the compression's checksum.
    file = tar.fileobj
    assert file is not None  # noqa: S101  # what tarfile promises of an open archive
    file.seek(tar.offset)
    if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("it ends in the middle")
    while file.read(1 << 18):
        pass


def _path(name: str, root: Path) -> Path:
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if name.startswith("/"):
        raise _refused(name, "its path is absolute")
    if ".." in parts:
        raise _refused(name, "its path leads out of the archive")
    return root.joinpath(*parts)


def _make_parents(path: Path, root: Path) -> None:
    parents = [parent for parent in path.parents if parent != root and root in parent.parents]
    for parent in reversed(parents):
        _make(parent, str(path.relative_to(root)))


def _make(path: Path, name: str) -> None:
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise _refused(name, "its path goes through a link or a file of the archive")
    path.mkdir(mode=0o755, exist_ok=True)


def _clear(path: Path, name: str) -> None:
    if path.is_dir() and not path.is_symlink():
        raise _refused(name, "it is a directory and something else")
    path.unlink(missing_ok=True)


def _link(path: Path, source: Path, root: Path, name: str) -> None:
    _make_parents(source, root)
    if source.is_symlink() or not source.is_file():
        raise _refused(name, "it is a link to a file that the archive does not have")
    if source != path:
        _clear(path, name)
        path.hardlink_to(source)


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    _clear(path, member.name)
    content = tar.extractfile(member)
    if content is None:
        raise _refused(member.name, "it has no content")
    with content, path.open("xb") as file:
        shutil.copyfileobj(content, file, 1 << 18)
    # Without the bits that change who runs it; readable, or we could not keep it.
    path.chmod(member.mode & 0o777 | 0o400)


def _refuse_links(root: Path) -> None:
    """Refuse links that lead out of the archive, when all of them are in their places."""
    for directory, names, files in os.walk(root):
        for name in (*names, *files):
            path = Path(directory, name)
            if path.is_symlink() and not _is_inside(path, root):
                told_name = str(path.relative_to(root))
                raise _refused(told_name, f"it is a link that leads out of the archive, to {path.readlink()}")


def _is_inside(link: Path, root: Path) -> bool:
    target = Path(os.path.realpath(link))
    return not link.readlink().is_absolute() and (target == root or root in target.parents)


def _release_root(root: Path, archive: Path) -> Path:
    for directory in (root, *(one for one in sorted(root.iterdir()) if one.is_dir() and not one.is_symlink())):
        if any(directory.glob("releases/*/*.rel")):
            return directory
    raise StoreError(
        f"{archive} has no OTP release in it: no releases/<version>/<name>.rel",
        hint="`mix release` with the `:tar` step and `rebar3 tar` make such archives",
    )


def _refused(name: str, why: str) -> StoreError:
    return StoreError(f"the archive has {name!r}, which is not taken: {why}", hint="make the archive without it")
