"""Opening a session to a host: `local` without SSH, all others through Fabric."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from weakref import WeakSet

from deliver.config.schema import Host, Ssh
from deliver.errors import UnreachableError
from deliver.remote.local import LocalSession
from deliver.remote.session import Session
from deliver.report import Report

_open_sessions: WeakSet[Session] = WeakSet()
_closing = Event()


@contextmanager
def connect(host: Host, ssh: Ssh, report: Report) -> Iterator[Session]:
    """Open a session to `host`, and close it on every way out.

    Raises:
        UnreachableError: the host does not answer, or lets us not in.
        HostKeyError: its key is unknown, changed or revoked.
    """
    session = _open(host, ssh, report)
    _open_sessions.add(session)
    if _closing.is_set():
        session.close()
        raise UnreachableError(f"{host.name}: interrupted while connecting")
    try:
        yield session
    finally:
        session.close()


def close_all() -> None:
    """End every open session, and those that are just being opened: what waits for a host stops waiting."""
    _closing.set()
    for session in list(_open_sessions):
        session.close()


def _open(host: Host, ssh: Ssh, report: Report) -> Session:
    if host.is_local:
        return LocalSession(host.name, report)
    from deliver.remote.ssh import SshSession  # Fabric takes 0.15 s to import

    return SshSession.open(host, ssh, report)
