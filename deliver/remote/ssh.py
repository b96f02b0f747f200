"""A host behind SSH: Fabric's connection, and scripts over raw channels of it."""

from __future__ import annotations

import contextlib
import socket
from threading import Lock

import fabric
import paramiko

from deliver.config.schema import Host, Ssh
from deliver.errors import UnreachableError
from deliver.remote.forward import bridged, refusal
from deliver.remote.login import login
from deliver.remote.resolve import resolve
from deliver.remote.script import Script
from deliver.remote.session import DEADLINE, Session
from deliver.report import Report

#: Bytes that one read takes at most.
CHUNK = 1 << 18
#: Bytes that one write gives to the channel: larger than SSH's packets, so that Python is asked seldom.
PIECE = 1 << 20


class SshSession(Session):
    """A session over SSH; see `deliver.remote.session.Session`."""

    def __init__(self, name: str, connection: fabric.Connection, report: Report, *, forward_agent: bool) -> None:
        super().__init__(name, report)
        self._connection = connection
        self._traffic = Traffic()
        self._forward_agent = forward_agent
        self._is_closed = False

    @classmethod
    def open(cls, host: Host, ssh: Ssh, report: Report) -> SshSession:
        """Connect to `host`; see `deliver.remote.connect.connect`."""
        connection = login(resolve(host, ssh), ssh)
        return cls(host.name, connection, report, forward_agent=ssh.forward_agent)

    def console(self, script: Script) -> int:
        """Run a script with the operator's terminal as its own."""
        from deliver.remote.terminal import attach  # only a console needs a terminal

        return attach(self._channel(), script.text)

    def connect_to(self, address: str, port: int, timeout: float) -> socket.socket:
        """Open a TCP connection from the host, through a channel of our own connection."""
        transport = self._connection.transport
        try:
            channel = transport.open_channel("direct-tcpip", (address, port), ("127.0.0.1", 0), timeout=timeout)
        except (paramiko.SSHException, EOFError, OSError) as error:
            if not transport.is_active():
                raise self._lost(error) from error
            raise refusal(self.name, error) from error
        return bridged(channel, timeout)

    def close(self) -> None:
        """End the connection, and tell once what went over it."""
        self._connection.close()
        if not self._is_closed and self.commands:
            count = "1 command" if self.commands == 1 else f"{self.commands} commands"
            self.report.log(self.name, f"1 connection, {count}, {self._traffic.told}\n".encode())
        self._is_closed = True

    def _start(self, command: str) -> ChannelPipes:
        return ChannelPipes(self._channel(), command, self._traffic)

    def _channel(self) -> paramiko.Channel:
        try:
            channel: paramiko.Channel = self._connection.transport.open_session(timeout=DEADLINE)
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise self._lost(error) from error
        if self._forward_agent:
            paramiko.agent.AgentRequestHandler(channel)
        return channel

    def _lost(self, error: BaseException) -> UnreachableError:
        return UnreachableError(f"{self.name}: the connection was lost: {error}")


class Traffic:
    """Bytes that scripts and what belongs to them took, before encryption; safe to use from several threads."""

    def __init__(self) -> None:
        self.sent = 0
        self.received = 0
        self._lock = Lock()

    def add(self, *, sent: int = 0, received: int = 0) -> None:
        """Count some more."""
        with self._lock:
            self.sent += sent
            self.received += received

    @property
    def told(self) -> str:
        """It in words."""
        return f"{self.sent / 1e3:.1f} kB sent, {self.received / 1e3:.1f} kB received"


class ChannelPipes:
    """One channel on which a script runs."""

    def __init__(self, channel: paramiko.Channel, command: str, traffic: Traffic) -> None:
        self._channel = channel
        self._traffic = traffic
        # A refused command has no status, and so has one whose connection ended just then: `status` tells.
        with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
            channel.exec_command(command)

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        for start in range(0, len(data), PIECE):
            self._channel.sendall(data[start : start + PIECE])
        self._traffic.add(sent=len(data))

    def end_of_input(self) -> None:
        """Close stdin."""
        with contextlib.suppress(OSError):
            self._channel.shutdown_write()

    def read(self, timeout: float) -> bytes:
        """Return some of stdout."""
        self._channel.settimeout(timeout)
        data = self._channel.recv(CHUNK)
        self._traffic.add(received=len(data))
        return data

    def read_error(self) -> bytes:
        """Return some of stderr."""
        while not self._channel.closed or self._channel.recv_stderr_ready():
            try:
                return self._channel.recv_stderr(CHUNK)
            except TimeoutError:
                continue
        return b""

    def status(self, timeout: float) -> int | None:
        """Return the exit status; None when the connection went first."""
        self._channel.status_event.wait(max(0.0, timeout))
        return None if self._channel.exit_status == -1 else self._channel.exit_status

    def close(self) -> None:
        """End the channel; the host's side ends the script."""
        self._channel.close()

    def release(self) -> None:
        """A closed channel holds nothing."""
