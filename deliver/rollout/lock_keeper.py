"""The script that keeps a lock on a host: it is asked, and told to go on or to end."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Empty, SimpleQueue
from threading import Thread

from deliver.errors import DeadlineError, DeliverError, RemoteError
from deliver.remote.pump import failure
from deliver.remote.script import Script
from deliver.remote.session import Session

#: Seconds between two signs of life.
BEAT = 5.0
#: Seconds that the script may stay, and those that it waits for a sign of life before it takes us for gone.
LONGEST = 24 * 3600.0
SILENCE = 30
#: Seconds for its answers; the first one comes when the lock is taken.
ANSWER = 10.0
FIRST = 60.0
#: Seconds for it to end; it goes on ending without us.
LAST_WORDS = 5.0

#: The exit status of a script that found the lock taken.
LOCKED = 75


class Keeper:
    """`lock_keep.sh` on one host, which says `open` or `locked` first.

    Args:
        session: to the host; other scripts run on it meanwhile.
        script: what to run.
    """

    def __init__(self, session: Session, script: Script) -> None:
        self._session = session
        self._script = script
        self._words: SimpleQueue[bytes] = SimpleQueue()
        self._answers: SimpleQueue[tuple[str, str]] = SimpleQueue()
        self._rest = b""
        self._error: DeliverError | None = None
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def opened(self) -> tuple[str, str]:
        """Return `open` and whose it was before, or `locked` and who has it, as JSON.

        Raises:
            DeliverError: neither came.
        """
        answer = self._next(FIRST)
        if answer[0] in {"open", "locked"}:
            return answer
        raise self._error or DeadlineError(f"{self._session.name}: {self._script.name} said nothing")

    def ask(self, word: str = "ask") -> tuple[str, str]:
        """Return the script's answer; `ended` when it is gone, `silent` when it does not answer."""
        self._words.put(f"{word}\n".encode())
        return self._next(ANSWER)

    @property
    def trouble(self) -> str:
        """Why it ended, or does not answer."""
        return self._error.message if self._error else f"{self._session.name} does not answer"

    def let_go(self) -> None:
        """Tell the script to give the lock back and to end, whenever that reaches it; may be called again."""
        self._words.put(b"end\n")
        self._words.put(b"")

    def end(self) -> bool:
        """Have the script give the lock back, and end; return whether it has."""
        self.let_go()
        self._thread.join(LAST_WORDS)
        return not self._thread.is_alive() and self._error is None

    def _next(self, patience: float) -> tuple[str, str]:
        if not self._thread.is_alive() and self._answers.empty():
            return "ended", ""
        try:
            return self._answers.get(timeout=patience)
        except Empty:
            return "silent", ""

    def _run(self) -> None:
        try:
            done = self._session.run(self._script, deadline=LONGEST, stdin=self._data(), stdout=self._hear, check=False)
            if done.status not in {0, LOCKED}:
                self._error = failure(self._session.name, self._script, done.status, done.stderr)
        except DeliverError as error:
            self._error = error
        except BaseException as error:  # noqa: BLE001  # a closed session may say so in its own way
            self._error = RemoteError(f"{self._session.name}: the lock was let go: {error}")
        finally:
            self._answers.put(("ended", ""))

    def _data(self) -> Iterator[bytes]:
        while True:
            try:
                word = self._words.get(timeout=BEAT)
            except Empty:
                word = b"\n"
            if not word:
                return
            yield word

    def _hear(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            key, _, text = line.decode("utf-8", "replace").partition("\t")
            # Only the prelude's own loop says this, before its first answer.
            if key != "waiting":
                self._answers.put((key, text))
