"""Opening a session to a host: `local` without SSH, all others through Fabric."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TypeVar
from weakref import WeakSet

from deliver.config.schema import Host, Ssh
from deliver.errors import DeadlineError, UnreachableError
from deliver.remote.local import LocalSession
from deliver.remote.session import Session
from deliver.report import Report

T = TypeVar("T")

#: The connection was lost, or the host fell silent: what was asked for may be done, or not.
LOST = (UnreachableError, DeadlineError)
#: Seconds within which a host should answer again after that: whatever took the connection may take a moment to go.
RECONNECT = 15.0
#: Seconds between two attempts.
AGAIN = 0.5

_open_sessions: WeakSet[Session] = WeakSet()
_openings: WeakSet[Future[Session]] = WeakSet()
_closing = Event()


@contextmanager
def connect(host: Host, ssh: Ssh, report: Report) -> Iterator[Session]:
    """Open a session to `host`, and close it on every way out.

    Raises:
        UnreachableError: the host does not answer, or lets us not in.
        HostKeyError: its key is unknown, changed or revoked.
    """
    session = _opened(host, ssh, report)
    _open_sessions.add(session)
    if _closing.is_set():
        session.close()
        raise _interrupted()
    try:
        yield session
    finally:
        session.close()


def close_all() -> None:
    """End every open session, and leave those that are just being opened: what waits for a host stops waiting."""
    _closing.set()
    for opening in list(_openings):
        with suppress(InvalidStateError):
            opening.set_exception(_interrupted())
    for session in list(_open_sessions):
        session.close()


def pause(seconds: float) -> None:
    """Wait, but no longer than until the operator interrupts.

    Raises:
        UnreachableError: the operator did: no session opens any more.
    """
    if _closing.wait(max(0.0, seconds)):
        raise _interrupted()


def patiently(reach: Callable[[], T], patience: float = RECONNECT) -> T:
    """Return what `reach` does once the host answers again.

    Args:
        reach: connects to the host.
        patience: seconds within which it must answer.

    Raises:
        UnreachableError: it does not.
        DeadlineError: it fell silent again.
    """
    ends = time.monotonic() + patience
    while True:
        try:
            return reach()
        except LOST:
            if time.monotonic() >= ends:
                raise
        pause(AGAIN)


def _opened(host: Host, ssh: Ssh, report: Report) -> Session:
    # What a thread does in connect(2) or a name server's answer cannot be ended from outside, only be left to itself.
    opening: Future[Session] = Future()
    _openings.add(opening)
    if _closing.is_set():
        raise _interrupted()
    Thread(target=_settle, args=(opening, host, ssh, report), daemon=True).start()
    return opening.result()


def _settle(opening: Future[Session], host: Host, ssh: Ssh, report: Report) -> None:
    try:
        session = _open(host, ssh, report)
    except BaseException as error:  # noqa: BLE001  # it is raised where the session is waited for
        with suppress(InvalidStateError):
            opening.set_exception(error)
        return
    try:
        opening.set_result(session)
    except InvalidStateError:
        session.close()


def _interrupted() -> UnreachableError:
    return UnreachableError("interrupted")


def _open(host: Host, ssh: Ssh, report: Report) -> Session:
    if host.is_local:
        return LocalSession(host.name, report)
    from deliver.remote.ssh import SshSession  # Fabric takes 0.15 s to import

    return SshSession.open(host, ssh, report)
