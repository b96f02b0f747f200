"""Moving bytes between us and one running script, whatever carries them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Thread
from typing import Protocol

from deliver.errors import DeadlineError, RemoteError
from deliver.remote.completed import Completed, Sink
from deliver.remote.script import Script

#: Lines of stderr that a result keeps.
KEPT_LINES = 200
#: Lines of stderr that an error shows.
SHOWN_LINES = 20
#: How much later than the host we give up, in seconds: the host's own deadline tells more.
GRACE = 10.0

# `head -c` would be simpler, but that of busybox reads ahead, and eats the beginning of the data.
COMMAND = "sh -c 'eval \"$(dd bs={size} count=1 iflag=fullblock 2>/dev/null | gzip -dc)\"'"


class Pipes(Protocol):
    """The three streams of one running script."""

    def write(self, data: bytes) -> None:
        """Send all of `data` to its stdin; raises OSError when nobody reads any more."""

    def end_of_input(self) -> None:
        """Close its stdin."""

    def read(self, timeout: float) -> bytes:
        """Return some of its stdout, b"" at the end; raises TimeoutError after `timeout` seconds."""

    def read_error(self) -> bytes:
        """Return some of its stderr, b"" at the end."""

    def status(self, timeout: float) -> int | None:
        """Return its exit status, or None when it is not known after `timeout` seconds or never will be."""

    def close(self) -> None:
        """End it; may be called from any thread, and again."""

    def release(self) -> None:
        """Free the streams; nobody uses them any more."""


@dataclass
class Tail:
    """The last lines of a stream."""

    lines: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    rest: bytes = b""

    def add(self, data: bytes) -> None:
        """Take some more of the stream."""
        *whole, self.rest = (self.rest + data).split(b"\n")
        self.lines.extend(line.decode("utf-8", "replace") for line in whole)

    def text(self, count: int = KEPT_LINES) -> str:
        """Return the last `count` lines."""
        rest = [self.rest.decode("utf-8", "replace")] if self.rest else []
        return "\n".join([*self.lines, *rest][-count:])


@dataclass
class Run:
    """One run of a script, `wire` on its way, on the host called `host`, through `pipes`."""

    host: str
    script: Script
    wire: bytes
    pipes: Pipes
    deadline: float
    stdout: Sink | None
    stderr: Sink

    def to_end(self, stdin: Iterable[bytes] | None, *, check: bool) -> Completed:
        """Feed the script, take what it says, and return what came of it; see `Session.run`."""
        ends = time.monotonic() + self.deadline + GRACE
        tail = Tail()
        threads = [_thread(lambda: self._drain(tail))]
        fed = Feeder(self.pipes, stdin)
        try:
            self.pipes.write(self.wire)
            if stdin is not None:
                threads.append(_thread(fed.feed))
            output = self._collect(ends)
            status = self.pipes.status(ends - time.monotonic())
        except TimeoutError:
            raise self._overdue(tail) from None
        except OSError:
            output, status = b"", self.pipes.status(0.0)
        finally:
            self._wind_up(threads)
        fed.raise_error()
        return self._judge(Completed(-1 if status is None else status, output, tail.text()), tail, check=check)

    def _collect(self, ends: float) -> bytes:
        pieces: list[bytes] = []
        sink = self.stdout or pieces.append
        while data := self.pipes.read(max(0.01, ends - time.monotonic())):
            sink(data)
        return b"".join(pieces)

    def _drain(self, tail: Tail) -> None:
        while data := self.pipes.read_error():
            tail.add(data)
            self.stderr(data)

    def _wind_up(self, threads: list[Thread]) -> None:
        threads[0].join(1.0)
        self.pipes.close()
        for thread in threads:
            thread.join(GRACE)
        self.pipes.release()

    def _overdue(self, tail: Tail) -> DeadlineError:
        return DeadlineError(
            f"{self.host}: {self.script.name} did not end within {self.deadline:.0f} s, nor did the host end it",
            hint="its outcome is unknown: look with `status`, then run the same command again",
            output=tail.text(SHOWN_LINES),
        )

    def _judge(self, completed: Completed, tail: Tail, *, check: bool) -> Completed:
        if completed.status == -1:
            raise DeadlineError(
                f"{self.host}: the connection was lost while {self.script.name} ran",
                hint="its outcome is unknown: look with `status`, then run the same command again",
                output=tail.text(SHOWN_LINES),
            )
        if check and completed.status != 0:
            raise failure(self.host, self.script, completed.status, tail.text(SHOWN_LINES))
        return completed


def failure(host: str, script: Script, status: int, output: str) -> RemoteError:
    """Return the error for a script that ended with `status`: its own last word, where it had one."""
    said = [line.removeprefix("deliver: ") for line in output.splitlines() if line.startswith("deliver: ")]
    if said and said[-1].startswith("the deadline"):
        return DeadlineError(f"{host}: {script.name}: {said[-1]}", status=status, output=output)
    what = said[-1] if said else f"{script.name} failed with status {status}"
    shown = "" if said else "".join(f"\n  {line}" for line in output.splitlines()[-SHOWN_LINES:])
    return RemoteError(f"{host}: {what}{shown}", status=status, output=output)


class Feeder:
    """Sends data to a script in a thread of its own, and keeps what went wrong in making the data."""

    def __init__(self, pipes: Pipes, data: Iterable[bytes] | None) -> None:
        self._pipes = pipes
        self._data = data
        self._error: BaseException | None = None

    def feed(self) -> None:
        """Send everything; a script that stops reading is no error here: its exit status tells."""
        try:
            for piece in self._data or ():
                try:
                    self._pipes.write(piece)
                except OSError:
                    return
            self._pipes.end_of_input()
        except BaseException as error:  # noqa: BLE001  # it is raised again where the script's caller waits
            self._error = error
            self._pipes.close()

    def raise_error(self) -> None:
        """Raise what making the data raised, if it did."""
        if self._error is not None:
            raise self._error


def _thread(work: Callable[[], None]) -> Thread:
    thread = Thread(target=work, daemon=True)
    thread.start()
    return thread
