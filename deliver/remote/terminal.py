"""The operator's terminal, lent to a program on a host."""

from __future__ import annotations

import base64
import contextlib
import os
import select
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Iterator

import paramiko

from deliver.errors import UsageError

CHUNK = 1 << 16


def attach(channel: paramiko.Channel, text: str) -> int:
    """Run the script `text` on `channel` with our terminal as its own; return its exit status.

    Raises:
        UsageError: our stdin is no terminal.
    """
    if not sys.stdin.isatty():
        raise UsageError("a console needs a terminal", hint="run it by hand, or use `rpc` in scripts")
    size = shutil.get_terminal_size()
    channel.get_pty(os.environ.get("TERM", "xterm"), size.columns, size.lines)
    # Base64, for a terminal would echo a script that came through stdin, and no login shell changes base64.
    encoded = base64.b64encode(text.encode()).decode()
    channel.exec_command(f"sh -c 'eval \"$(echo {encoded} | base64 -d)\"'")
    with _raw_terminal(), _resizing(channel):
        _exchange(channel)
    return channel.recv_exit_status()


def _exchange(channel: paramiko.Channel) -> None:
    """Copy both ways until the program's side ends."""
    while True:
        ready, _, _ = select.select([channel, sys.stdin], [], [])
        if channel in ready:
            data = channel.recv(CHUNK)
            if not data:
                return
            os.write(sys.stdout.fileno(), data)
        if sys.stdin in ready:
            channel.sendall(os.read(sys.stdin.fileno(), CHUNK))


@contextlib.contextmanager
def _raw_terminal() -> Iterator[None]:
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setraw(sys.stdin.fileno())
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _resizing(channel: paramiko.Channel) -> Iterator[None]:
    def resize(*_: object) -> None:
        size = shutil.get_terminal_size()
        channel.resize_pty(size.columns, size.lines)

    before = signal.signal(signal.SIGWINCH, resize)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)
