"""What the operating system says about the store's disk, as errors that say what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deliver.errors import StoreError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


@contextmanager
def told(root: Path, what: str) -> Iterator[None]:
    """Turn an OSError of the body into a StoreError.

    Args:
        root: the store's directory, or whatever the operator can mend.
        what: what the body does, for the message: `write to the store`.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(f"cannot {what} {root}: {reason}", hint=_hint(error.errno, root)) from error


def _hint(number: int | None, root: Path) -> str:
    if number in _FULL:
        return f"free space where {root} is (`invoke prune --keep 5`), then run the same command again"
    if number in _FORBIDDEN:
        return f"give this user the right to read and write {root}, or name another place"
    return f"see whether {root} is a directory on a disk that works, or name another place"
