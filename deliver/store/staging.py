"""Writing files so that their final name never holds half of one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def staged(directory: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Open a new file in `directory` for writing; remove it at the end, if it is still there by that name.

    The file's mode lets nobody write it; the body renames or links it to its final name after closing it.
    """
    path = directory / f"{os.getpid()}-{secrets.token_hex(8)}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield path, file
    finally:
        path.unlink(missing_ok=True)


def write(path: Path, content: bytes, *, tmp: Path, replace: bool) -> bool:
    """Write a small file, whole and on the disk before it has its name.

    Args:
        path: its final name; missing directories are made.
        content: all of it.
        tmp: a directory of the same file system, to stage it in.
        replace: whether a file that has the name already is replaced.

    Returns:
        Whether the file was written: False when there was one already.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with staged(tmp) as (stage, file):
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        if replace:
            stage.replace(path)
            return True
        try:
            os.link(stage, path)
        except FileExistsError:
            return False
    return True


def flush(path: Path) -> None:
    """Have a file or directory on the disk before going on."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
