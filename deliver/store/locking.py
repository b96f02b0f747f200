"""One lock for the whole store: who reads or writes shares it, who removes has it alone.

The kernel frees it when its holder dies, so it is never left behind.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deliver.errors import LockedError

#: Seconds that a command waits for others to be done with the store.
WAIT = 60.0

_POLL = 0.05


@contextmanager
def locked(file: Path, *, alone: bool, wait: float) -> Iterator[None]:
    """Hold the lock `file`, which exists, while the body runs.

    Args:
        file: what is locked.
        alone: whether nobody else may hold it.
        wait: seconds to wait for others.

    Raises:
        LockedError: others held it for all that time.
        OSError: the file cannot be opened.
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _take(descriptor, file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH, wait)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, file: Path, kind: int, wait: float) -> None:
    until = time.monotonic() + wait
    while True:
        try:
            return fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise _held(file, wait) from None
        time.sleep(_POLL)


def _held(file: Path, wait: float) -> LockedError:
    return LockedError(
        f"others are at work in the store {file.parent}, since more than {wait:.0f} s",
        hint=f"wait for them and try again; `fuser -v {file}` shows who they are",
    )
