"""TCP connections that a host opens for us: a channel of SSH's, as a socket that any library can use."""

from __future__ import annotations

import contextlib
import socket
from threading import Thread

import paramiko

from deliver.errors import RemoteError

#: Bytes that are passed on at once.
CHUNK = 1 << 16
#: What sshd answers when it may not connect for this user, and when nobody takes the connection.
_PROHIBITED, _FAILED = 1, 2


def bridged(channel: paramiko.Channel, timeout: float) -> socket.socket:
    """Return a socket whose other end is `channel`, until either is closed."""
    ours, theirs = socket.socketpair()
    ours.settimeout(timeout)
    for work in (_send, _receive):
        Thread(target=work, args=(channel, theirs), daemon=True).start()
    return ours


def refusal(host: str, error: BaseException) -> OSError | RemoteError:
    """Return the error for a channel that was not opened."""
    if isinstance(error, paramiko.ChannelException):
        if error.code == _PROHIBITED:
            return RemoteError(
                f"{host}: its sshd opens no connections for this user",
                hint="allow it in sshd_config there: `AllowTcpForwarding local`, or `PermitOpen` with the address; "
                "or let a command on the host look, in place of http and tcp",
            )
        if error.code == _FAILED:
            return ConnectionRefusedError("nobody takes the connection")
        return ConnectionError(error.text)
    return TimeoutError("no answer in time") if "Timeout" in str(error) else ConnectionError(str(error))


def _send(channel: paramiko.Channel, end: socket.socket) -> None:
    # Nobody but this thread sends on the channel and closes it: see `login.Tunnel`.
    with contextlib.suppress(OSError):
        while data := end.recv(CHUNK):
            channel.sendall(data)
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):  # the whole connection may be gone
        channel.close()


def _receive(channel: paramiko.Channel, end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := channel.recv(CHUNK):
            end.sendall(data)
    # What was received stays readable on our side; then its end is.
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
