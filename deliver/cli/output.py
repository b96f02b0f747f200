"""What a run shows: its story on stderr, its data on stdout, and everything in its log."""

from __future__ import annotations

import json as jsonlib
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from deliver import __version__
from deliver.cli.logfile import LogFile
from deliver.cli.screen import Screen, Stream, plain
from deliver.cli.sizes import size
from deliver.errors import ConfigError, DeliverError, RemoteError, UsageError
from deliver.secret import Secret, masked

#: Seconds between two lines of progress of one host, where lines cannot be redrawn.
SLOW_PACE = 10.0
#: The last lines of a failed script's messages that stand below its error.
SHOWN_LINES = 20
#: Shorter secrets would put stars into every other word.
SHORTEST_MASKED = 6
_NO_HOST = "deliver"


class Output:
    """The report of one run, and where its results go.

    Args:
        task: the task's name, for the log.
        json: whether stdout has one JSON document instead of text for people.
        verbose: whether scripts and all that hosts say are shown.
        log_directory: says where the log goes when there is something to keep; None for nowhere.
        stdout: where data goes.
        stderr: where the story goes.
        environ: the environment that says how a terminal is used.
    """

    def __init__(
        self,
        task: str,
        *,
        json: bool = False,
        verbose: bool = False,
        log_directory: Callable[[], Path | None] = lambda: None,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._task = task
        self._json = json
        self._verbose = verbose
        self._directory = log_directory
        self._stdout = Stream(stdout or sys.stdout, has_data=True)
        self._screen = Screen(stderr or sys.stderr, environ)
        self._lock = threading.RLock()
        self._log: LogFile | None = None
        self._log_failed = False
        self._width = 0
        self._partial: dict[str, bytes] = {}
        self._told: dict[str, float] = {}
        self._secrets: tuple[Secret, ...] = ()
        self._document: Any = None
        self._is_raw = False

    # What the rooms tell: `deliver.report.Report`.

    def step(self, where: str, what: str, colour: str = "") -> None:
        """Tell one step, at the host `where`; in a colour, if it is the one that people wait for."""
        with self._lock:
            text = self._safe(what)
            self._keep(where, text)
            self._width = max(self._width, len(where))
            self._screen.drop(where)
            told = self._screen.styled(text, "bold", colour) if colour else text
            self._screen.line(f"{self._screen.styled(where.ljust(self._width), 'bold', 'cyan')}  {told}")

    def warn(self, what: str) -> None:
        """Tell something that the operator should know and that stops nothing."""
        with self._lock:
            text = self._safe(what)
            self._keep(_NO_HOST, f"warning: {text}")
            self._screen.line(f"{self._screen.styled('warning:', 'bold', 'yellow')} {text}")

    def progress(self, where: str, done: int, total: int) -> None:
        """Tell how many bytes of how many have gone to or come from the host `where`."""
        with self._lock:
            text = f"{where.ljust(self._width)}  {_share(done, total)}"
            if self._screen.is_live:
                self._screen.live(where, text)
            elif self._is_due(where):
                self._screen.line(text)

    def log(self, where: str, text: bytes) -> None:
        """Keep output of a command on the host `where`, line by line."""
        with self._lock:
            *lines, rest = (self._partial.pop(where, b"") + text).split(b"\n")
            if rest:
                self._partial[where] = rest
            for line in lines:
                self._heard(where, line)

    def script(self, where: str, name: str, shown: str) -> None:
        """Tell that a script runs on the host `where`; its text is long, and only shown to who wants to see all."""
        with self._lock:
            if not self._verbose:
                self._keep(where, f"runs {name}")
                return
            text = self._safe(shown)
            self._keep(where, f"runs {name}:\n{text}")
            self._screen.line(self._quoted(f"{where} runs {name}", text))

    # What tasks show.

    def note(self, text: str) -> None:
        """Tell a person something that is no step of any host."""
        with self._lock:
            self._keep(_NO_HOST, self._safe(text))
            self._screen.line(self._safe(text))

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], document: Any) -> None:
        """Show rows of results: aligned below their columns, or `document` as JSON.

        Args:
            title: what this is, for a person; empty for nothing.
            columns: the heading of each column.
            rows: cells; numbers stand to the right; None and "" show as a dash.
            document: the same for machines.
        """
        with self._lock:
            self._result(aligned(columns, rows) + "\n", document, title)

    def data(self, text: str, document: Any) -> None:
        """Show a result that is no table: `text` for people, `document` as JSON."""
        with self._lock:
            self._result(text if text.endswith("\n") or not text else text + "\n", document, "")

    def done(self, text: str, document: Any = None) -> None:
        """Tell a person how the run ended well; with --json, `document` is its result, if it has one."""
        with self._lock:
            self._keep(_NO_HOST, self._safe(text))
            self._screen.clear()
            self._screen.line(self._screen.styled(self._safe(text), "bold", "green"))
            if document is not None:
                self._document = document

    def raw(self, data: bytes) -> None:
        """Pass bytes on to stdout as they come; such a run has no JSON document."""
        with self._lock:
            self._is_raw = True
            self._screen.clear()
            self._stdout.write_bytes(data)

    @property
    def is_unread(self) -> bool:
        """Whether nobody reads stdout any more."""
        return self._stdout.is_gone

    def ask(self, question: str) -> bool:
        """Ask the person at the terminal; anything but `y` or `yes` means no.

        Raises:
            UsageError: nobody is there.
        """
        if sys.stdin is None or not sys.stdin.isatty():
            raise UsageError(f"{question}: nobody can be asked, stdin is not a terminal", hint="say it with --yes")
        with self._lock:
            self._screen.clear()
            self._screen.line(f"{self._safe(question)} [y/N]")
            answer = sys.stdin.readline().strip().lower()
            self._keep(_NO_HOST, f"{self._safe(question)} {answer}")
        return answer in {"y", "yes"}

    # What the border of a task does.

    def hide(self, secrets: Sequence[Secret]) -> None:
        """Show stars in place of `secrets` from now on, wherever they turn up."""
        with self._lock:
            forms = [form for one in secrets for form in _forms(one.reveal)]
            self._secrets = tuple(Secret(form) for form in forms if len(form) >= SHORTEST_MASKED)

    def mask(self, text: str) -> str:
        """Return `text` with stars in place of the secrets, for those who write it down."""
        with self._lock:
            return masked(text, self._secrets)

    def finish(self) -> None:
        """End a run that went well: the JSON document appears now."""
        with self._lock:
            self._rest()
            if self._json and not self._is_raw:
                self._print_json({} if self._document is None else self._document)

    def fail(self, error: DeliverError, *, detail: str = "") -> None:
        """End a run that failed: tell the error, what to do, and where the log is.

        Args:
            error: what happened.
            detail: what only the log should have, such as a traceback; shown when there is no log.
        """
        with self._lock:
            self._rest()
            message, hint = self._safe(error.message), self._safe(error.hint)
            output = self._safe(error.output) if isinstance(error, RemoteError) else ""
            if self._log is not None or not isinstance(error, UsageError | ConfigError):
                self._keep(_NO_HOST, f"error: {message}\nhint: {hint}\n{self._safe(detail)}".rstrip())
            if detail and self._log is None:
                self._screen.line(self._safe(detail).rstrip())
            self._screen.line(self._failure(message, "" if self._verbose else output, hint))
            if self._json:
                self._print_json(self._error_document(error, message, hint))

    def close(self) -> None:
        """Close the log."""
        with self._lock:
            if self._log is not None:
                self._log.close()

    def _result(self, text: str, document: Any, title: str) -> None:
        self._screen.clear()
        if self._json:
            self._document = document
            return
        if title:
            self._screen.line(self._screen.styled(self._safe(title), "bold"))
        self._stdout.write(self._safe(text))

    def _print_json(self, document: Any) -> None:
        told = _each_text(document, self.mask)
        self._stdout.write(jsonlib.dumps(told, indent=2, ensure_ascii=False) + "\n")

    def _error_document(self, error: DeliverError, message: str, hint: str) -> dict[str, Any]:
        log = str(self._log.path) if self._log else None
        kind = type(error).__name__.lstrip("_")
        told = {"kind": kind, "message": message, "hint": hint, "code": error.code, "log": log}
        return {"error": told} if self._document is None else {"error": told, "result": self._document}

    def _failure(self, message: str, output: str, hint: str) -> str:
        styled = self._screen.styled
        lines = [f"{styled('error:', 'bold', 'red')} {_indented(message)}"]
        lines += [styled(f"  | {line}", "dim") for line in output.splitlines()[-SHOWN_LINES:]]
        if hint:
            lines.append(f"  {styled('do:', 'bold')}  {_indented(hint, '       ')}")
        if self._log is not None:
            lines.append(f"  {styled('log:', 'bold')} {_near(self._log.path)}")
        return "\n".join(lines)

    def _heard(self, where: str, line: bytes) -> None:
        text = self._safe(line.rstrip(b"\r").rsplit(b"\r", 1)[-1].decode("utf-8", "backslashreplace"))
        self._keep(where, f"| {text}")
        if self._verbose:
            self._screen.line(self._screen.styled(f"{where.ljust(self._width)}  | {text}", "dim"))
        elif text.strip():
            self._screen.live(where, f"{where.ljust(self._width)}  {text.strip()}")

    def _rest(self) -> None:
        for where, line in self._partial.items():
            self._heard(where, line)
        self._partial.clear()
        self._screen.clear()

    def _quoted(self, title: str, text: str) -> str:
        lines = [self._screen.styled(f"  > {line}", "dim") for line in text.splitlines()]
        return "\n".join([self._screen.styled(title, "bold"), *lines])

    def _safe(self, text: str) -> str:
        return plain(masked(text, self._secrets))

    def _is_due(self, where: str) -> bool:
        now = time.monotonic()
        if now < self._told.setdefault(where, now) + SLOW_PACE:
            return False
        self._told[where] = now
        return True

    def _keep(self, where: str, text: str) -> None:
        log = self._log or self._open_log()
        if log is not None:
            log.write(where, text)

    def _open_log(self) -> LogFile | None:
        if self._log_failed:
            return None
        directory = self._directory()
        if directory is None:
            return None
        try:
            self._log = LogFile.make(directory, self._task)
            self._log.write(_NO_HOST, f"deliver {__version__} runs {self._task} in {Path.cwd()}")
        except OSError as error:
            self._log_failed = True
            self.warn(f"no log is kept: {error}")
        return self._log


def aligned(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return rows of cells below the headings of their columns."""
    body = [["-" if cell is None or cell == "" else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *body, strict=True)]
    numeric = [_is_numeric([row[at] for row in rows]) for at in range(len(columns))]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in (list(columns), *body)
    ]
    return "\n".join(lines)


def _is_numeric(cells: list[object]) -> bool:
    told = [cell for cell in cells if cell is not None and cell != ""]
    return bool(told) and all(isinstance(cell, int | float) for cell in told)


def _forms(secret: str) -> list[str]:
    """As a secret may be shown: whole, quoted in a program's output, or line by line."""
    return [secret, jsonlib.dumps(secret, ensure_ascii=False)[1:-1], *secret.splitlines()]


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    """Return a document with all its texts changed; what JSON has no word for becomes text."""
    if isinstance(value, Mapping):
        return {str(key): _each_text(one, change) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_each_text(one, change) for one in value]
    return value if value is None or isinstance(value, bool | int | float) else change(str(value))


def _share(done: int, total: int) -> str:
    if total <= 0:
        return size(done)
    return f"{100 * done // total:3d}%  {size(done)} of {size(total)}"


def _indented(text: str, by: str = "       ") -> str:
    return text.replace("\n", f"\n{by}")


def _near(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
