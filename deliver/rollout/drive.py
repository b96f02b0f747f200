"""Runs a roll: does what the machine says, in threads, and tells it what happened.

The machine lives in a thread of its own, for Ctrl-C strikes the main one, anywhere: it must not do so while the machine
takes a step. The main thread only waits, and asks the operator.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Protocol

from deliver.errors import DeliverError
from deliver.remote.connect import close_all
from deliver.rollout.events import Result, Story
from deliver.rollout.machine import (
    Answered,
    Ask,
    Batch,
    Change,
    Close,
    Closed,
    Command,
    Ended,
    Finish,
    Happening,
    Interrupted,
    Open,
    Opened,
    Outcome,
    Pause,
    Paused,
    Refused,
    Roll,
    Undo,
)
from deliver.rollout.telling import Telling

#: The longest wait in one piece, in seconds: on some platforms Python hears Ctrl-C only between two of them.
_SLICE = 1.0


class Hands(Protocol):
    """Does the real things. All but `ask` are called from threads, several at once."""

    def open(self, batch: Batch) -> None:
        """Run what comes before a batch.

        Raises:
            DeliverError: the batch must not begin.
        """

    def change(self, host: str, batch: int) -> Result:
        """Bring a host to the version; never raises a DeliverError."""

    def close(self, batch: Batch) -> None:
        """Run what comes after a batch, however it went.

        Raises:
            DeliverError: the roll must not go on.
        """

    def undo(self, host: str) -> Result:
        """Bring a host back to what it ran before; never raises a DeliverError."""

    def ask(self, question: str) -> bool:
        """Ask a person whether to go on; called in the thread that drives, while nothing else goes on."""


def drive(roll: Roll, hands: Hands, story: Story, parallel: int) -> Outcome:
    """Run a roll to its end, and return how it ended.

    Ctrl-C makes an end of it: nothing more begins, and what is under way ends. After that the roll says the truth of
    every host; after a second Ctrl-C, hosts that were being worked on are `unknown`.

    Args:
        roll: not begun yet.
        hands: does the real things.
        story: hears of batches, pauses and questions; `hands` tell of hosts.
        parallel: threads.

    Raises:
        KeyboardInterrupt: the second one; connections are closed, and what ran on hosts may go on there.
        Exception: what `hands` or `story` raised and should not have; what was under way has ended.
    """
    return _Drive(roll, hands, story, parallel).run()


class _Drive:
    def __init__(self, roll: Roll, hands: Hands, story: Story, parallel: int) -> None:
        self._roll = roll
        self._hands = hands
        self._telling = Telling(story, roll)
        self._pool = ThreadPoolExecutor(max_workers=max(1, parallel), thread_name_prefix="roll")
        self._events: SimpleQueue[Happening] = SimpleQueue()
        # Only wakes the main thread; what it has to do is in the three below.
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._question = ""
        self._outcome: Outcome | None = None
        self._error: BaseException | None = None
        self._is_over = False
        self._is_abandoned = False
        self._pause_ends: float | None = None

    def run(self) -> Outcome:
        machine = Thread(target=self._conduct, name="roll", daemon=True)
        try:
            self._wait(machine)
            machine.join()
        except BaseException:
            self._abandon()
            raise
        if self._error is not None:
            raise self._error
        assert self._outcome is not None  # noqa: S101  # it is over, and without an error
        return self._outcome

    # In the main thread.

    def _wait(self, machine: Thread) -> None:
        try:
            machine.start()
            self._serve()
        except KeyboardInterrupt as interrupt:
            if machine.ident is None:  # nothing has begun, and nothing would ever end
                raise
            self._events.put(Interrupted(interrupt))
            self._serve()

    def _serve(self) -> None:
        while not self._is_over:
            with suppress(Empty):
                self._bell.get(timeout=_SLICE)
            question, self._question = self._question, ""
            if question:
                self._ask(question)

    def _ask(self, question: str) -> None:
        try:
            self._events.put(Answered(self._hands.ask(question)))
        except Exception as error:  # noqa: BLE001  # raised at the end
            self._broke(error)

    def _abandon(self) -> None:
        self._is_abandoned = True
        self._events.put(Interrupted())
        self._pool.shutdown(wait=False, cancel_futures=True)
        close_all()

    # In the machine's thread.

    def _conduct(self) -> None:
        try:
            self._do(self._roll.begin())
            while self._outcome is None and not self._is_abandoned:
                self._take(self._next())
        except BaseException as error:  # noqa: BLE001  # raised in the main thread
            self._error = self._error or error
        finally:
            self._pool.shutdown(wait=not self._is_abandoned, cancel_futures=True)
            self._is_over = True
            self._bell.put(None)

    def _next(self) -> Happening:
        if self._pause_ends is None:
            return self._events.get()
        try:
            return self._events.get(timeout=max(0.0, self._pause_ends - time.monotonic()))
        except Empty:
            return Paused()

    def _take(self, event: Happening) -> None:
        if self._is_abandoned:
            return
        self._pause_ends = None
        self._tell(partial(self._telling.happened, event, self._error))
        self._do(self._roll.on(event))

    def _do(self, commands: list[Command]) -> None:
        for command in commands:
            self._tell(partial(self._telling.commanded, command))
            self._carry_out(command)

    def _carry_out(self, command: Command) -> None:
        match command:
            case Open(batch):
                self._submit(partial(self._open, batch), partial(Refused, batch))
            case Close(batch):
                self._submit(partial(self._close, batch), partial(Closed, batch))
            case Change(host):
                self._submit(partial(self._change, host), partial(_lost, host))
            case Undo(host):
                self._submit(partial(self._undo, host), partial(_lost, host))
            case Pause(seconds):
                self._pause_ends = time.monotonic() + seconds
            case Ask(question):
                self._question = question
                self._bell.put(None)
            case Finish(outcome):
                self._outcome = outcome

    def _submit(self, work: Callable[[], Happening], failed: Callable[[DeliverError], Happening]) -> None:
        self._pool.submit(self._attempt, work, failed)

    def _tell(self, tell: Callable[[], None]) -> None:
        try:
            tell()
        except Exception as error:  # noqa: BLE001  # raised at the end
            self._broke(error)

    # In threads of the pool.

    def _attempt(self, work: Callable[[], Happening], failed: Callable[[DeliverError], Happening]) -> None:
        try:
            event = work()
        except DeliverError as error:
            event = failed(error)
        except BaseException as error:  # noqa: BLE001  # raised at the end
            self._broke(error)
            event = failed(DeliverError(f"{type(error).__name__}: {error}"))
        self._events.put(event)

    def _open(self, batch: Batch) -> Opened:
        self._hands.open(batch)
        return Opened(batch)

    def _close(self, batch: Batch) -> Closed:
        self._hands.close(batch)
        return Closed(batch)

    def _change(self, host: str) -> Ended:
        return Ended(self._hands.change(host, self._roll.batch_of[host]))

    def _undo(self, host: str) -> Ended:
        return Ended(self._hands.undo(host))

    # In any thread.

    def _broke(self, error: BaseException) -> None:
        if self._error is None:
            self._error = error
            self._events.put(Interrupted())


def _lost(host: str, error: DeliverError) -> Ended:
    return Ended(Result(host, "unknown", error=error))
