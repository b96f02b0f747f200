"""The clients that count failed requests, before servers that fail them."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pytest

from tests.rollout.load import Client, Load

_GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n0.1.0"
#: Closed with this, a connection is reset.
_AT_ONCE = struct.pack("ii", 1, 0)


@contextmanager
def server(answer: bytes, *, resets: bool = False, waits: float = 0.0) -> Iterator[int]:
    """Yield the port of a server that answers one request of each connection with that, and closes it."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        Thread(target=_serve, args=(door, answer, resets, waits), daemon=True).start()
        yield door.getsockname()[1]
        door.shutdown(socket.SHUT_RDWR)


def _serve(door: socket.socket, answer: bytes, resets: bool, waits: float) -> None:
    with contextlib.suppress(OSError):
        while True:
            peer, _ = door.accept()
            with peer:
                peer.recv(1000)
                time.sleep(waits)
                if resets:
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                peer.sendall(answer)


def asked(port: int, client: Client) -> Load:
    with Load("127.0.0.1", port, (client,), patience=0.2) as load:
        time.sleep(0.3)
    return load


@pytest.mark.parametrize("stays", [True, False])
@pytest.mark.parametrize(
    ("answer", "how", "failure"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", {}, "503 Service Unavailable"),
        (b"", {}, "RemoteDisconnected"),
        (b"", {"resets": True}, "ConnectionResetError"),
        (_GOOD[:-1], {}, "IncompleteRead"),
        (_GOOD, {"waits": 0.5}, "TimeoutError"),
    ],
)
def test_every_way_to_fail_is_counted(answer: bytes, how: dict[str, Any], failure: str, *, stays: bool) -> None:
    with server(answer, **how) as port:
        load = asked(port, Client(stays=stays))

    assert list(load.failures) == [failure]
    assert load.failed == load.total > 0


def test_one_that_is_refused_is_counted() -> None:
    with server(_GOOD) as port:
        pass
    load = asked(port, Client())

    assert list(load.failures) == ["ConnectionRefusedError"]


def test_a_connection_that_ends_between_two_requests_without_a_word_is_a_failure() -> None:
    with server(_GOOD) as port:
        load = asked(port, Client())

    assert set(load.answers) == {"0.1.0"}
    assert load.failed > 0


def test_good_answers_are_counted_by_what_they_say() -> None:
    with server(_GOOD) as port:
        load = asked(port, Client(stays=False))

    assert load.answers == {"0.1.0": load.total}
