"""Asking what answers on a host, as the host itself would: HTTP, a TCP port, a line protocol."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from threading import Timer
from urllib.parse import SplitResult, urlsplit

from deliver.remote.session import Session

#: Bytes of an answer that are read at most.
MOST = 1 << 20
_PORTS = {"http": 80, "https": 443}


def tcp_reason(session: Session, address: str, port: int, timeout: float) -> str:
    """Return why `address`:`port` takes no connection from the host; empty when it does.

    Raises:
        RemoteError: the host's sshd may not connect for us.
        UnreachableError: the session's own connection was lost.
    """
    try:
        session.connect_to(address, port, timeout).close()
    except OSError as error:
        return _why(error, timeout)
    return ""


def http_reason(session: Session, url: str, timeout: float, *, status: int | None = None, body: str = "") -> str:
    """Return why the answer to `GET url`, as the host asks, is not the wanted one; empty when it is.

    A redirection is an answer like any other. No certificate is checked: SSH has told whose host it is.

    Args:
        session: to the host.
        url: with its scheme, `http` or `https`.
        timeout: seconds until all of the answer is here.
        status: the wanted one; None for any from 200 to 299.
        body: text that must be in the answer.

    Raises:
        RemoteError: the host's sshd may not connect for us.
        UnreachableError: the session's own connection was lost.
    """
    try:
        got, text = _get(session, urlsplit(url), timeout)
    except (OSError, HTTPException) as error:
        return _why(error, timeout)
    if not (got == status if status else 200 <= got < 300):  # noqa: PLR2004  # HTTP's own numbers
        return f"it answers {got}, not {status or '200 to 299'}: {_begin(text)}"
    if body.encode() not in text:
        return f"its answer has no {body!r}: {_begin(text)}"
    return ""


def exchange(session: Session, address: str, port: int, data: bytes, timeout: float) -> bytes:
    """Send `data` to `address`:`port` from the host, and return all that comes back until the other side closes.

    Raises:
        OSError: nobody takes the connection, or the answer did not end in time (TimeoutError).
        RemoteError, UnreachableError: as `tcp_reason`.
    """
    with _connection(session, address, port, timeout) as connection:
        connection.sendall(data)
        pieces = []
        while piece := connection.recv(1 << 16):
            pieces.append(piece)
        return b"".join(pieces)


def _get(session: Session, url: SplitResult, timeout: float) -> tuple[int, bytes]:
    host, port = url.hostname or "", url.port or _PORTS[url.scheme]
    with _connection(session, host, port, timeout) as plain:
        asking = HTTPConnection(host, port)
        asking.sock = _encrypted(plain, host) if url.scheme == "https" else plain
        headers = {"User-Agent": "deliver", "Connection": "close"}
        asking.request("GET", _path(url), headers=headers)
        answer = asking.getresponse()
        return answer.status, _read(answer)


def _read(answer: HTTPResponse) -> bytes:
    with answer:
        text = answer.read(MOST)
        if len(text) < MOST and answer.length:
            raise IncompleteRead(text, answer.length)
        return text


def _path(url: SplitResult) -> str:
    return (url.path or "/") + (f"?{url.query}" if url.query else "")


def _encrypted(plain: socket.socket, host: str) -> socket.socket:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain, server_hostname=host)


@contextmanager
def _connection(session: Session, address: str, port: int, timeout: float) -> Iterator[socket.socket]:
    """Open a connection that ends, as one that was too slow, when the time is over for all that is done with it."""
    ends = time.monotonic() + timeout
    with contextlib.closing(session.connect_to(address, port, timeout)) as connection:
        # A socket's timeout is for each of its steps, and an answer may come drop by drop.
        watch = Timer(max(0.0, ends - time.monotonic()), _shut, (connection,))
        watch.daemon = True
        watch.start()
        try:
            yield connection
        except (OSError, HTTPException) as error:
            if time.monotonic() >= ends:
                raise TimeoutError from error
            raise
        finally:
            watch.cancel()
    if time.monotonic() >= ends:
        raise TimeoutError


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _why(error: BaseException, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:g} s"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__


def _begin(text: bytes) -> str:
    words = " ".join(text[:4000].decode("utf-8", "replace").split())
    return repr(words[:120]) if words else "nothing"
