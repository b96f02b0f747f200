"""Signals that end a run the way Ctrl-C does: everything that was opened is closed on the way out."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

#: Besides SIGINT, which Python handles itself.
ENDING = (signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """A signal asked the run to end.

    Args:
        number: which.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextmanager
def ending() -> Iterator[None]:
    """Within it, SIGTERM and SIGHUP raise `Interrupted` in the main thread; ignored ones stay ignored (nohup)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = [number for number in ENDING if signal.getsignal(number) is signal.SIG_DFL]
    try:
        for number in ours:
            signal.signal(number, _raise)
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def status(error: KeyboardInterrupt) -> int:
    """Return the exit status that a shell gives to a process which this interrupt ended."""
    return 128 + (error.number if isinstance(error, Interrupted) else signal.SIGINT)


def _raise(number: int, _frame: FrameType | None) -> None:
    raise Interrupted(number)
