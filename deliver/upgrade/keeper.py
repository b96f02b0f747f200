"""The directory of a rehearsal on its host, which is cleared there as soon as we are gone, however that comes about."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Event, Thread

from deliver.config.schema import Host, Ssh
from deliver.errors import DeliverError, RemoteError
from deliver.remote.connect import connect
from deliver.remote.script import Argument, Script, script
from deliver.remote.session import Session
from deliver.report import Report

#: Seconds between two signs of life; after two minutes without one, the host takes us for gone.
BEAT = 1.0
#: Seconds that a rehearsal may take, and that it may take to end everything that it has started.
LONGEST = 6 * 3600.0
ENDING = 60.0


@contextmanager
def kept(host: Host, ssh: Ssh, report: Report, arguments: dict[str, Argument]) -> Iterator[str]:
    """Make the directory of a rehearsal, and return its path; all that runs out of it is ended, and it is removed.

    The host does that by itself when we are killed, when the connection is lost, or when it hears nothing from us.

    Args:
        host: where.
        ssh: how hosts are reached.
        report: is told when the directory could not be cleared.
        arguments: of `rehearsal_keep.sh`.

    Raises:
        UnreachableError: the host does not answer.
        RemoteError: the directory cannot be made.
    """
    made = script("rehearsal_keep.sh", arguments, parts=("lock.sh", "node.sh"))
    # Its own connection: it is at work all the time, and other scripts run on theirs one after the other.
    with connect(host, ssh, report) as session:
        keeper = _Keeper(session, made)
        try:
            yield keeper.place()
        finally:
            problem = keeper.end()
            if problem:
                report.warn(f"{host.name}: what the rehearsal left there is cleared by the next one: {problem}")


class _Keeper:
    """Runs the script that keeps the directory, and writes to it that we are there."""

    def __init__(self, session: Session, made: Script) -> None:
        self._over = Event()
        self._place: Future[str] = Future()
        self._heard = b""
        self._problem = ""
        self._thread = Thread(target=self._run, args=(session, made), daemon=True)
        self._thread.start()

    def place(self) -> str:
        """Return the directory, when it is there."""
        return self._place.result()

    def end(self) -> str:
        """Have the directory cleared; return why it may not have been."""
        self._over.set()
        self._thread.join(ENDING)
        return "it takes longer than a minute" if self._thread.is_alive() else self._problem

    def _run(self, session: Session, made: Script) -> None:
        error: DeliverError = RemoteError(f"{session.name}: {made.name} said nothing")
        try:
            session.run(made, deadline=LONGEST, stdin=self._beats(), stdout=self._hear)
        except DeliverError as failure:
            error = failure
            self._problem = failure.message
        if not self._place.done():
            self._problem = ""
            self._place.set_exception(error)

    def _beats(self) -> Iterator[bytes]:
        yield b"\n"
        while not self._over.wait(BEAT):
            yield b"\n"

    def _hear(self, data: bytes) -> None:
        self._heard += data
        line, end, _ = self._heard.partition(b"\n")
        if end and not self._place.done():
            self._place.set_result(line.decode("utf-8", "surrogateescape").partition("\t")[2])
