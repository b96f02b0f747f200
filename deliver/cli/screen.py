"""The operator's terminal: lines that stay, a few that live below them, and colour."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import time
from collections.abc import Mapping
from typing import TextIO

from deliver.errors import DeliverError

#: Seconds between two redraws of the live lines.
PACE = 0.1
#: The most hosts that have a live line at once.
ROWS = 12

_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def plain(text: str) -> str:
    """Return `text` without what would move, colour or rename a terminal."""
    return _CONTROL.sub("", text)


class Stream:
    """A text stream that outlives its reader: what nobody reads any more is dropped, the work goes on.

    Args:
        stream: where to; None where the process was given none.
        has_data: whether it takes results: that these cannot be written is an error, while a story may be lost.
    """

    def __init__(self, stream: TextIO | None, *, has_data: bool = False) -> None:
        self._stream = stream or io.StringIO()
        self._has_data = has_data
        self._gone = stream is None

    @property
    def is_terminal(self) -> bool:
        """Whether a person looks at it."""
        return self._stream.isatty()

    @property
    def is_gone(self) -> bool:
        """Whether nobody reads it any more."""
        return self._gone

    def write(self, text: str) -> None:
        """Write `text` at once; what the stream's encoding lacks is escaped."""
        encoding = self._stream.encoding or "utf-8"
        self._attempt(text.encode(encoding, "backslashreplace").decode(encoding))

    def write_bytes(self, data: bytes) -> None:
        """Write `data` at once, as it is."""
        self._attempt(data)

    def _attempt(self, what: str | bytes) -> None:
        if self._gone:
            return
        try:
            if isinstance(what, str):
                self._stream.write(what)
            else:
                self._stream.buffer.write(what)
            self._stream.flush()
        except OSError as error:
            self._leave()
            if self._has_data and not isinstance(error, BrokenPipeError | ConnectionResetError):
                raise DeliverError(f"the result cannot be written to stdout: {error.strerror}") from error

    def _leave(self) -> None:
        # Python would try once more at its end, and complain: give it something that takes everything.
        self._gone = True
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


class Screen:
    """What a person sees on one stream.

    Args:
        stream: where to.
        environ: says whether there is colour (NO_COLOR, FORCE_COLOR) and life (TERM, CI).
    """

    def __init__(self, stream: TextIO | None, environ: Mapping[str, str]) -> None:
        self._stream = Stream(stream)
        terminal = self._stream.is_terminal and environ.get("TERM") != "dumb"
        self.is_live = terminal and not environ.get("CI")
        self.has_colour = not environ.get("NO_COLOR") and (terminal or bool(environ.get("FORCE_COLOR")))
        self._rows: dict[str, str] = {}
        self._drawn = 0
        self._next = 0.0

    def styled(self, text: str, *styles: str) -> str:
        """Return `text` in `styles`, if this screen has any."""
        if not (self.has_colour and text):
            return text
        codes = ";".join(_STYLES[style] for style in styles)
        return f"\x1b[{codes}m{text}\x1b[0m"

    def line(self, text: str) -> None:
        """Write lines that stay, above the live ones."""
        self._stream.write(f"{self._erased()}{text}\n{self._drawing()}")

    def live(self, key: str, text: str) -> None:
        """Let the live line called `key` say `text`, when there are live lines here."""
        if not self.is_live:
            return
        self._rows[key] = text
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + PACE
            self._stream.write(self._erased() + self._drawing())

    def drop(self, key: str) -> None:
        """End the live line called `key`; it goes with the next line that is written."""
        self._rows.pop(key, None)

    def clear(self) -> None:
        """End all live lines, and take them away at once."""
        self._rows.clear()
        if self._drawn:
            self._stream.write(self._erased())

    def _erased(self) -> str:
        count, self._drawn = self._drawn, 0
        return f"\x1b[{count}F\x1b[J" if count else ""

    def _drawing(self) -> str:
        width, height = shutil.get_terminal_size()
        shown = list(self._rows.values())[: max(1, min(ROWS, height - 2))]
        self._drawn = len(shown)
        return "".join(self.styled(row[: width - 1], "dim") + "\n" for row in shown)
