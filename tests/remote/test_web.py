"""Asking over HTTP and TCP, from this machine and from a host."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from deliver.config.schema import Host, Ssh
from deliver.errors import UnreachableError
from deliver.remote.connect import connect
from deliver.remote.local import LocalSession
from deliver.remote.session import Session
from deliver.remote.web import exchange, http_reason, tcp_reason
from deliver.report import Silent
from tests.hosts.fleet import Fleet

#: What a server sends, after how many seconds each.
Script = list[tuple[float, bytes]]


@contextmanager
def server(script: Script, address: str = "127.0.0.1") -> Iterator[int]:
    """A server on this machine that sends the same to everybody, whatever they say; yield its port."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = listening.accept()
                with peer, contextlib.suppress(OSError):
                    peer.recv(1000)
                    for after, data in script:
                        time.sleep(after)
                        peer.sendall(data)

    with socket.create_server((address, 0)) as listening:
        Thread(target=serve, daemon=True).start()
        yield int(listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def here() -> Session:
    return LocalSession("here", Silent())


def head(status: str, length: int) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ([(0, head("200 OK", 2)), (0.05, b"ok")], ""),
        ([(0, head("204 No Content", 0))], ""),
        ([(0, head("302 Found", 0))], "it answers 302, not 200 to 299: nothing"),
        ([(0, b"SSH-2.0-what\r\n")], "SSH-2.0-what\r\n"),
        ([], "Remote end closed connection without response"),
        ([(0, head("200 OK", 9)), (0, b"ok")], "IncompleteRead(2 bytes read, 7 more expected)"),
        ([(0, head("200 OK", 100)), *[(0.1, b".")] * 100], "no answer within 0.3 s"),
        ([(0, b"HTTP/1.1 200 OK\r\n"), *[(0.1, b"A: b\r\n")] * 100], "no answer within 0.3 s"),
        ([(9, b"")], "no answer within 0.3 s"),
    ],
)
def test_an_answer_is_whole_and_in_time_or_there_is_a_reason(here: Session, script: Script, reason: str) -> None:
    began = time.monotonic()
    with server(script[:12]) as port:
        found = http_reason(here, f"http://127.0.0.1:{port}/x?y", 0.3)
        took = time.monotonic() - began

    assert found == reason
    assert took < 2


def test_a_port_takes_a_connection_or_there_is_a_reason(here: Session) -> None:
    with server([]) as port:
        assert tcp_reason(here, "127.0.0.1", port, 1) == ""
    assert tcp_reason(here, "127.0.0.1", port, 1) == "connection refused"
    assert "not known" in tcp_reason(here, "nowhere.invalid", port, 1)


def test_an_exchange_is_all_that_comes_back(here: Session) -> None:
    with server([(0, b"a" * 100_000), (0.05, b"b")]) as port:
        assert exchange(here, "127.0.0.1", port, b"say\n", 5.0) == b"a" * 100_000 + b"b"
    with server([(0, b"a"), (9, b"b")]) as port, pytest.raises(TimeoutError):
        exchange(here, "127.0.0.1", port, b"say\n", 0.2)


@pytest.mark.hosts
def test_a_host_connects_for_us(pair: Fleet, ssh: Ssh) -> None:
    gateway = pair.hosts["inner"].address.rpartition(".")[0] + ".1"
    with server([(0, b"a" * 3_000_000)], gateway) as port, connect(Host("inner"), ssh, Silent()) as session:
        assert tcp_reason(session, gateway, port, 5) == ""
        assert len(exchange(session, gateway, port, b"say\n", 20.0)) == 3_000_000
        assert tcp_reason(session, gateway, 1, 5) == "nobody takes the connection"
        assert tcp_reason(session, "inner", 22, 5) == ""
        session.close()
        with pytest.raises(UnreachableError, match="inner: the connection was lost"):
            tcp_reason(session, gateway, port, 5)


@pytest.mark.hosts
def test_a_connection_ends_with_its_session(pair: Fleet, ssh: Ssh) -> None:
    with connect(Host("inner"), ssh, Silent()) as session:
        connection = session.connect_to("inner", 22, 5)
        began = connection.recv(4)
        pair["inner"].stop_sshd()
        rest = b"".join(iter(lambda: connection.recv(1000), b""))
        connection.close()

    assert began == b"SSH-"
    assert len(rest) < 100
