"""Sessions to hosts beside those that a roll changes: a balancer's, the operator's machine."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from deliver.config.schema import Host
from deliver.errors import DeadlineError, UnreachableError
from deliver.remote.session import Session

T = TypeVar("T")


class Elsewhere:
    """One session to each such host, opened when it is first needed, and again when it was lost.

    Args:
        opener: opens one; whoever gives it closes what it opened.
    """

    def __init__(self, opener: Callable[[Host], Session]) -> None:
        self._opener = opener
        self._sessions: dict[str, Session] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def use(self, host: Host, work: Callable[[Session], T]) -> T:
        """Return what `work` does with a session to `host`; several threads may work with it at once.

        Raises:
            UnreachableError, HostKeyError: no session can be opened.
            DeliverError: what the work raised.
        """
        session = self._session(host)
        try:
            return work(session)
        except UnreachableError:  # nothing was done yet
            self._forget(host, session)
            return work(self._session(host))
        except DeadlineError:
            self._forget(host, session)
            raise

    def _session(self, host: Host) -> Session:
        with self._guard:
            lock = self._locks.setdefault(host.name, threading.Lock())
        with lock:
            if host.name not in self._sessions:
                self._sessions[host.name] = self._opener(host)
            return self._sessions[host.name]

    def _forget(self, host: Host, session: Session) -> None:
        with self._guard:
            if self._sessions.get(host.name) is session:
                del self._sessions[host.name]
