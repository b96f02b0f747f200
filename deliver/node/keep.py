"""A host that is kept for one command: a script stays there, with the host's lock, until it is let go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from threading import Event, Thread
from types import TracebackType
from typing import TYPE_CHECKING

from deliver.errors import DeliverError
from deliver.remote.completed import Completed
from deliver.remote.script import Script
from deliver.remote.session import Session

if TYPE_CHECKING:
    from typing_extensions import Self

#: Seconds for a script that was told to end.
LAST_WORDS = 15.0


@dataclass
class Kept:
    """A script that stays on its host, from `open` to the end of the `with`.

    When a `DeliverError` leaves the `with`, or nothing does, the script is told to end, and has ended after it.
    Otherwise it notices by itself that nobody is there any more.

    Args:
        session: to the host; other scripts run on it meanwhile.
        script: says `open IDENTITY` when it is ready, and ends with its stdin.
        content: what it reads before.
        deadline: seconds that it may stay.
    """

    session: Session
    script: Script
    content: Iterable[bytes]
    deadline: float
    _completed: Completed | None = None
    _error: BaseException | None = None
    _said: bytearray = field(default_factory=bytearray)
    _heard: Event = field(default_factory=Event)
    _leave: Event = field(default_factory=Event)
    _is_told: bool = False

    def __enter__(self) -> Self:
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()
        # A wait without end would keep Ctrl-C waiting.
        while not self._heard.wait(1.0):
            pass
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_told = error is None or isinstance(error, DeliverError)
        self._leave.set()
        if self._is_told:
            self._thread.join(LAST_WORDS)

    @property
    def completed(self) -> Completed:
        """What the script has said until now; its status is 0 while it stays.

        Raises:
            DeadlineError: the connection was lost, or it was not ready in time.
        """
        if self._error is not None:
            raise self._error
        status = self._completed.status if self._completed else 0
        return Completed(status, bytes(self._said), self._completed.stderr if self._completed else "")

    @property
    def identity(self) -> str:
        """Whose lock it is, for scripts that run under it; empty when the script did not come so far."""
        return next((values[0] for key, values in self.completed.facts() if key == "open"), "")

    def _run(self) -> None:
        try:
            self._completed = self.session.run(
                self.script, deadline=self.deadline, stdin=self._data(), stdout=self._take, check=False
            )
        except BaseException as error:  # noqa: BLE001  # it is raised where the script's answer is asked for
            self._error = error
        finally:
            self._heard.set()

    def _data(self) -> Iterator[bytes]:
        yield from self.content
        self._leave.wait()
        if self._is_told:
            yield b"end\n"

    def _take(self, data: bytes) -> None:
        self._said += data
        if b"\nopen\t" in b"\n" + self._said:
            self._heard.set()
