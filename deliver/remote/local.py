"""The operator's own machine as a host: the same scripts, without SSH."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
from weakref import WeakSet

from deliver.remote.script import Script
from deliver.remote.session import Session
from deliver.report import Report

CHUNK = 1 << 16
#: Seconds between two looks at whether a script has ended.
POLL = 0.2


class LocalSession(Session):
    """A session on this machine; see `deliver.remote.session.Session`."""

    def __init__(self, name: str, report: Report) -> None:
        super().__init__(name, report)
        self._running: WeakSet[LocalPipes] = WeakSet()

    def console(self, script: Script) -> int:
        """Run a script with the operator's terminal as its own."""
        # Ctrl-C is the console's. A handler, unlike SIG_IGN, is not handed down to it.
        before = signal.signal(signal.SIGINT, lambda *_: None)
        try:
            return subprocess.call(["sh", "-c", script.text])
        finally:
            signal.signal(signal.SIGINT, before)

    def connect_to(self, address: str, port: int, timeout: float) -> socket.socket:
        """Open a TCP connection from this machine."""
        connection = socket.create_connection((address, port), timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def close(self) -> None:
        """End what runs."""
        for pipes in list(self._running):
            pipes.close()

    def _start(self, command: str) -> LocalPipes:
        pipes = LocalPipes(command)
        self._running.add(pipes)
        return pipes


class LocalPipes:
    """A child process that leads a group of its own, as sshd's children do."""

    def __init__(self, command: str) -> None:
        self._child = subprocess.Popen(
            ["sh", "-c", f"exec {command}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        self._out = _selector(self._child.stdout)
        self._err = _selector(self._child.stderr)
        self._ended = False

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        view = memoryview(data)
        while view:
            view = view[os.write(_stream(self._child.stdin), view) :]

    def end_of_input(self) -> None:
        """Close stdin."""
        if self._child.stdin is not None:
            self._child.stdin.close()

    def read(self, timeout: float) -> bytes:
        """Return some of stdout."""
        if not self._out.select(timeout):
            raise TimeoutError
        return os.read(_stream(self._child.stdout), CHUNK)

    def read_error(self) -> bytes:
        """Return some of stderr."""
        # A daemon that the script left behind may hold stderr for ever: the end of the script is its end too.
        while not self._err.select(POLL):
            if self._ended:
                return b""
        return os.read(_stream(self._child.stderr), CHUNK)

    def status(self, timeout: float) -> int | None:
        """Return the exit status, as a shell would give it."""
        try:
            code = self._child.wait(max(0.0, timeout))
        except subprocess.TimeoutExpired:
            return None
        return code if code >= 0 else 128 - code

    def close(self) -> None:
        """End the group, unless its leader has gone: gently, and five seconds later not so gently."""
        if self._child.poll() is None:
            self._end_group()
        self._ended = True

    def release(self) -> None:
        """Close our ends of the pipes."""
        for ready in (self._out, self._err):
            ready.close()
        for stream in (self._child.stdin, self._child.stdout, self._child.stderr):
            if stream is not None:
                stream.close()

    def _end_group(self) -> None:
        for how, patience in ((signal.SIGTERM, 6.0), (signal.SIGKILL, 1.0)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(patience)
                return


def _selector(stream: object) -> selectors.BaseSelector:
    selector = selectors.DefaultSelector()
    selector.register(_stream(stream), selectors.EVENT_READ)
    return selector


def _stream(stream: object) -> int:
    assert hasattr(stream, "fileno")  # noqa: S101  # all three were asked for as pipes
    return int(stream.fileno())
