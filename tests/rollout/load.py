"""Clients of a web server: each sends request after request, and every single one is counted, however it ends.

Nothing is sent twice: what a browser would quietly ask for again counts as failed here.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class Client:
    """How one client asks.

    Args:
        path: what for.
        stays: whether it keeps its connection open from request to request.
        pace: seconds from the beginning of one request to that of the next, at least.
    """

    path: str = "/"
    stays: bool = True
    pace: float = 0.02


#: As many as two cores serve besides all else; the slow ones have a request under way at almost any time.
CLIENTS = (
    *[Client()] * 3,
    *[Client(stays=False)] * 3,
    *[Client("/slow", pace=0.05)] * 2,
    *[Client("/slow", stays=False, pace=0.05)] * 2,
)


@dataclass
class Load:
    """Clients at work: `with Load(address, 8080) as load: ...`; look at it after that.

    Args:
        address: of the server.
        port: of the server.
        clients: who asks.
        patience: seconds that they wait for an answer.
        answers: how many requests ended with each answer that was good.
        failures: how many ended with each one that was not: an HTTP status, or an error's name.
        longest: seconds that the slowest answer took, good or not.
    """

    address: str
    port: int
    clients: tuple[Client, ...] = CLIENTS
    patience: float = 5.0
    answers: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    longest: float = 0.0
    _over: Event = field(default_factory=Event)
    _threads: list[Thread] = field(default_factory=list)
    _ends: list[tuple[str, float, bool]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._threads = [Thread(target=self._work, args=(client,)) for client in self.clients]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        for said, seconds, is_good in self._ends:
            (self.answers if is_good else self.failures)[said] += 1
            self.longest = max(self.longest, seconds)

    @property
    def total(self) -> int:
        """How many requests were sent."""
        return len(self._ends)

    @property
    def failed(self) -> int:
        """How many of them did not get a good answer."""
        return self.failures.total()

    def _work(self, client: Client) -> None:
        connection = HTTPConnection(self.address, self.port, timeout=self.patience)
        for end in _ask(connection, client, self._over):
            self._ends.append(end)


def _ask(connection: HTTPConnection, client: Client, over: Event) -> Iterator[tuple[str, float, bool]]:
    while not over.is_set():
        began = time.monotonic()
        said, is_good = _one(connection, client)
        seconds = time.monotonic() - began
        if not (client.stays and is_good):
            connection.close()
        yield said, seconds, is_good
        over.wait(client.pace - seconds)
    connection.close()


def _one(connection: HTTPConnection, client: Client) -> tuple[str, bool]:
    try:
        connection.request("GET", client.path, headers={} if client.stays else {"Connection": "close"})
        answer = connection.getresponse()
        text = answer.read().decode()
    except (OSError, HTTPException) as error:
        return type(error).__name__, False
    return (text, True) if answer.status == 200 else (f"{answer.status} {answer.reason}", False)
