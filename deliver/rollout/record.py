"""The record of a run, with the operator: what was planned, each step as it ends, and how it ended.

One file of JSON lines for each run, `.deliver/runs/ID/record.jsonl` beside deliver.toml. A line is written whole, at
once; a run that was killed has no line `end`, and its last line may be cut.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from deliver.errors import StoreError
from deliver.report import Report
from deliver.rollout.events import Event, Standing, Way

#: How many runs of each environment are kept.
KEPT = 50

_FILE = "record.jsonl"


@dataclass(frozen=True)
class Member:
    """What a run means to do with one host.

    Args:
        host: which.
        zone: its zone; empty for none.
        way: how it is brought to the version.
        from_: what it ran before; empty when nobody knows, or nothing.
        to: what it is to run.
        verdict: of its pair; empty where no pair is needed.
        reasons: why this way, a line each.
    """

    host: str
    zone: str = ""
    way: Way = "none"
    from_: str = ""
    to: str = ""
    verdict: str = ""
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ended:
    """What one host is at the end of a run.

    Args:
        host: which.
        state: what it is, as far as the roll is concerned.
        version: what it runs; empty when nobody knows, or nothing.
        boots: what it boots next; the same.
    """

    host: str
    state: Standing
    version: str = ""
    boots: str = ""


@dataclass(frozen=True)
class End:
    """How a run ended.

    Args:
        outcome: in a word or two: `done`, `failed`, `interrupted`.
        code: its exit code.
        message: what went wrong; empty when nothing did.
        mend: the one command to go on with; empty when there is nothing to mend.
        hosts: all of them.
        fleet: `all new`, `all old` or `MIXED`.
        at: seconds since 1970.
    """

    outcome: str
    code: int = 0
    message: str = ""
    mend: str = ""
    hosts: tuple[Ended, ...] = ()
    fleet: str = ""
    at: float = field(default_factory=time.time)


@dataclass(frozen=True)
class Run:
    """One run, as far as its record tells.

    Args:
        id: its name: when it began, and four digits that tell it from another one of that second.
        task: what was asked for: `release`, `rolling-restart`.
        app: the release's name.
        environment: the environment's name.
        version: the version that all are brought to; empty when there is no such thing.
        who: `user@machine`.
        machine: the operator's machine.
        pid: the process there.
        ci: the page of the CI job that it was; empty for none.
        at: when it began, in seconds since 1970.
        command: the command line, word by word.
        members: all hosts, in the order of their plan.
        batches: names of hosts.
        steps: what happened, in that order; only a record that was read has them.
        end: how it ended; None while it goes on, and when it was killed.
    """

    id: str
    task: str
    app: str
    environment: str
    version: str = ""
    who: str = ""
    machine: str = ""
    pid: int = 0
    ci: str = ""
    at: float = field(default_factory=time.time)
    command: tuple[str, ...] = ()
    members: tuple[Member, ...] = ()
    batches: tuple[tuple[str, ...], ...] = ()
    steps: tuple[Event, ...] = ()
    end: End | None = None

    @property
    def seconds(self) -> float:
        """How long it took, or until its last step when it has no end."""
        last = self.end.at if self.end else max((step.at for step in self.steps), default=self.at)
        return max(0.0, last - self.at)


def new_id(now: datetime | None = None) -> str:
    """Return a name for a run that begins now."""
    moment = now or datetime.now(timezone.utc)
    return f"{moment.strftime('%Y%m%dT%H%M%SZ')}-{secrets.token_hex(2)}"


def place(config_file: Path) -> Path:
    """Return the directory of all runs of a configuration."""
    return config_file.parent / ".deliver" / "runs"


class Record:
    """Takes the story of a run, and writes it down; safe to use from several threads.

    That a line cannot be written stops nothing: it is told once.

    Args:
        path: the file.
        mask: takes the secrets out of a text.
        report: is told that the record could not be written.
    """

    def __init__(self, path: Path, descriptor: int, mask: Callable[[str], str], report: Report) -> None:
        self.path = path
        self._descriptor = descriptor
        self._mask = mask
        self._report = report
        self._lock = threading.Lock()
        self._is_cut = False
        self._has_failed = False

    @classmethod
    def make(cls, directory: Path, run: Run, mask: Callable[[str], str], report: Report) -> Record:
        """Begin the record of a run, and remove the oldest ones of its environment.

        Args:
            directory: of all runs; see `place`.
            run: what is known before its first step.
            mask: takes the secrets out of a text.
            report: is told when something cannot be written later.

        Raises:
            StoreError: the record cannot be written.
        """
        path = directory / run.id / _FILE
        try:
            path.parent.mkdir(parents=True, mode=0o700)
            hide_from_git(directory)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"no record of this run can be kept in {path.parent}: {error.strerror}") from error
        record = cls(path, descriptor, mask, report)
        record._write(_run_line(run))
        _prune(directory, run.environment)
        return record

    @property
    def directory(self) -> Path:
        """Where the record is, and what else belongs to this run."""
        return self.path.parent

    def tell(self, event: Event) -> None:
        """Write down one step."""
        self._write(
            {
                "kind": "step",
                "at": round(event.at, 3),
                "step": event.step,
                "event": event.kind,
                "host": event.host,
                "batch": event.batch,
                "seconds": round(event.seconds, 3),
                "text": event.text,
            }
        )

    def end(self, end: End) -> None:
        """Write down how it ended; nothing comes after it."""
        self._write({"kind": "end", **asdict(end), "at": round(end.at, 3)})
        self.close()

    def close(self) -> None:
        """Close the file; may be called again."""
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, line: Mapping[str, Any]) -> None:
        text = json.dumps(_masked(line, self._mask), ensure_ascii=False, separators=(",", ":"))
        with self._lock:
            if self._descriptor < 0:
                return
            data = ("\n" if self._is_cut else "").encode() + f"{text}\n".encode("utf-8", "backslashreplace")
            try:
                self._is_cut = os.write(self._descriptor, data) < len(data)
            except OSError as error:
                self._complain(error)

    def _complain(self, error: OSError) -> None:
        if not self._has_failed:
            self._has_failed = True
            self._report.warn(f"the record of this run has gaps: {self.path}: {error.strerror}")


def read(path: Path) -> Run:
    """Read the record of a run: its file, or the directory that it is in. Lines that are cut are left out.

    Raises:
        StoreError: there is none, or nothing can be made of it.
    """
    file = path / _FILE if path.is_dir() else path
    lines = list(_lines(file))
    run = _first(file, lines)
    try:
        steps = tuple(_event(line) for line in lines if line.get("kind") == "step")
        end = next((_end(line) for line in reversed(lines) if line.get("kind") == "end"), None)
    except (KeyError, TypeError) as error:
        raise _unreadable(file) from error
    return replace(run, steps=steps, end=end)


def runs(directory: Path, environment: str) -> list[Run]:
    """Return all runs of an environment that can be read, the newest last."""
    return list(_readable(_records(directory, environment)))


def latest(directory: Path, environment: str) -> Run | None:
    """Return the newest run of an environment that can be read, or None."""
    return next(_readable(reversed(_records(directory, environment))), None)


def _readable(paths: Iterable[Path]) -> Iterator[Run]:
    for path in paths:
        with contextlib.suppress(StoreError):
            yield read(path)


def _records(directory: Path, environment: str) -> list[Path]:
    return [path for path in sorted(directory.glob(f"*/{_FILE}")) if _is_of(path, environment)]


def _is_of(path: Path, environment: str) -> bool:
    try:
        return _first(path, list(_lines(path, most=1))).environment == environment
    except StoreError:
        return False


def _prune(directory: Path, environment: str) -> None:
    for path in _records(directory, environment)[:-KEPT]:
        shutil.rmtree(path.parent, ignore_errors=True)


def hide_from_git(directory: Path) -> None:
    """Keep what is in a directory of ours from making the operator's working tree look changed.

    Raises:
        OSError: the directory cannot be written.
    """
    try:
        with (directory / ".gitignore").open("x", encoding="utf-8") as file:
            file.write("*\n")
    except FileExistsError:
        pass


def _masked(value: Any, mask: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {key: _masked(one, mask) for key, one in value.items()}
    return [_masked(one, mask) for one in value] if isinstance(value, list | tuple) else value


def _run_line(run: Run) -> dict[str, Any]:
    known = {key: value for key, value in asdict(run).items() if key not in {"steps", "end"}}
    members = [{key.rstrip("_"): value for key, value in one.items()} for one in known["members"]]
    return {"kind": "run", **known, "at": round(run.at, 3), "members": members}


def _lines(file: Path, most: int = 0) -> Iterator[Mapping[str, Any]]:
    try:
        with file.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                yield from _line(line)
                if number == most:
                    return
    except OSError as error:
        raise StoreError(f"the record {file} cannot be read: {error.strerror}") from error


def _line(line: bytes) -> Iterator[Mapping[str, Any]]:
    try:
        known = json.loads(line)
    except ValueError:
        return
    if isinstance(known, dict):
        yield known


def _first(file: Path, lines: Sequence[Mapping[str, Any]]) -> Run:
    try:
        head = _fields(Run, lines[0])
        members = tuple(_member(one) for one in head["members"])
        batches = tuple(tuple(batch) for batch in head["batches"])
        return Run(**{**head, "command": tuple(head["command"]), "members": members, "batches": batches})
    except (IndexError, KeyError, TypeError) as error:
        raise _unreadable(file) from error


def _unreadable(file: Path) -> StoreError:
    return StoreError(f"nothing can be made of the record {file}", hint="it may be from another version of deliver")


def _member(known: Mapping[str, Any]) -> Member:
    return Member(**{**_fields(Member, known), "from_": known["from"], "reasons": tuple(known["reasons"])})


def _event(line: Mapping[str, Any]) -> Event:
    return Event(**{**_fields(Event, line), "kind": line["event"]})


def _end(line: Mapping[str, Any]) -> End:
    hosts = tuple(Ended(**_fields(Ended, one)) for one in line["hosts"])
    return End(**{**_fields(End, line), "hosts": hosts})


def _fields(cls: type, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `cls` has a field for: a newer deliver may say more."""
    return {one.name: known[one.name] for one in dataclasses.fields(cls) if one.name in known}
