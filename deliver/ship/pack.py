"""Streams that several hosts get: made once, and read by each host at its own pace."""

from __future__ import annotations

import os
import tempfile
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Iterator
from threading import Condition, Lock, Thread
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from deliver.errors import StoreError

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")

#: Bytes that are read at once.
CHUNK = 1 << 18

#: Makes a stream, given what is to be called with the plain bytes so far.
Maker = Callable[[Callable[[int], None]], Iterable[bytes]]


class Pack:
    """One stream, on its way into a temporary file; nobody who reads it waits for somebody who reads slowly.

    Args:
        make: makes it.
    """

    def __init__(self, make: Maker) -> None:
        self._make = make
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # `close` closes it
        self._size = 0
        self._plain = 0
        #: Bytes of the file, and the plain bytes that they tell.
        self._marks: list[tuple[int, int]] = [(0, 0)]
        self._error: BaseException | None = None
        self._is_over = False
        self._changed = Condition()
        Thread(target=self._fill, daemon=True).start()

    def read(self, told: Callable[[int, int], None]) -> Iterator[bytes]:
        """Yield the stream as it comes to be.

        Args:
            told: called with the bytes so far, and with the plain bytes that they tell.

        Raises:
            StoreError: it could not be made.
        """
        at = 0
        while (size := self._beyond(at)) > at:
            while at < size:
                data = os.pread(self._file.fileno(), min(CHUNK, size - at), at)
                at += len(data)
                yield data
                told(at, self._marks[bisect_right(self._marks, (at, 1 << 62)) - 1][1])

    def close(self) -> None:
        """Remove the file; nobody reads it any more, and what still makes it ends with that."""
        self._file.close()

    def _beyond(self, at: int) -> int:
        """Return how long it is once it is longer than `at`, or whole."""
        with self._changed:
            self._changed.wait_for(lambda: self._size > at or self._is_over)
            if self._size == at and self._error is not None:
                raise self._error
            return self._size

    def _fill(self) -> None:
        try:
            for data in self._make(self._count):
                self._keep(data)
        except OSError as error:
            self._error = StoreError(f"no room for what is to be sent, in {tempfile.gettempdir()}: {error.strerror}")
        except BaseException as error:  # noqa: BLE001  # it is raised where the stream is read
            self._error = error
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def _keep(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
        with self._changed:
            self._size += len(data)
            self._marks.append((self._size, self._plain))
            self._changed.notify_all()

    def _count(self, plain: int) -> None:
        self._plain = plain


class Packs:
    """What the hosts of one command have in common, until it is closed; safe to use from several threads."""

    def __init__(self) -> None:
        self._made: dict[Hashable, object] = {}
        self._locks: dict[Hashable, Lock] = {}
        self._guard = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in self._made.values():
            if isinstance(one, Pack):
                one.close()

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what `make` made the first time that it was asked for by that key."""
        with self._guard:
            lock = self._locks.setdefault(key, Lock())
        with lock:
            if key not in self._made:
                self._made[key] = make()
            made: T = self._made[key]  # type: ignore[assignment]  # a key stands for one kind of thing
            return made
