"""The journal of a host: JSON lines that tell what was done there, by whom, and how it ended."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timezone
from typing import Any

from deliver.config.schema import Host
from deliver.errors import DeliverError
from deliver.remote.connect import LOST
from deliver.remote.script import Argument, script
from deliver.remote.session import Session
from deliver.remote.who import me
from deliver.report import Report
from deliver.rollout.events import Event

#: Seconds for a script that reads or writes a few lines.
PATIENCE = 30.0
#: The most characters that a line keeps of a reason.
MOST = 2000

_PARTS = ("lock.sh", "layout.sh", "node.sh")


def _now() -> str:
    return moment(datetime.now(timezone.utc).timestamp())


def moment(seconds: float) -> str:
    """Return a time as journals have it: `2026-11-29T22:15:00Z`."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Entry:
    """One line of a journal; scripts on hosts write `at`, `who`, `action`, `version` and `outcome`, and nothing more.

    Args:
        action: what was done: `install`, `start`, `release`.
        version: to which version; empty when there is none.
        outcome: how it ended: `ok`, `failed`, `unknown`; `began` for what has not ended.
        environment: as part of which environment; empty when nobody said.
        run: as part of which run; empty for none.
        step: which step of the action; empty for all of it.
        reason: why, or what came of it.
        seconds: how long it took; 0 when nobody said.
        who: `user@machine`.
        at: when, in UTC.
        host: whose journal it is from; no part of the line.
    """

    action: str
    version: str = ""
    outcome: str = "ok"
    environment: str = ""
    run: str = ""
    step: str = ""
    reason: str = ""
    seconds: float = 0.0
    who: str = field(default_factory=me)
    at: str = field(default_factory=_now)
    host: str = ""

    def line(self) -> str:
        """Return it as one line of JSON; what is empty is left out, but for what every line has."""
        always = {key: getattr(self, key) for key in ("at", "who", "action", "version", "outcome")}
        more = {key: value for key, value in asdict(self).items() if value and key not in {*always, "host"}}
        if "reason" in more:
            more["reason"] = self.reason[:MOST]
        if "seconds" in more:
            more["seconds"] = round(self.seconds, 3)
        return json.dumps({**always, **more}, separators=(",", ":"))


@dataclass
class Journals:
    """Takes the story of a run, and writes each host's part of it into the journal there.

    It is two scripts for each host: one when its change begins, and one when that has ended. A journal that cannot be
    written stops nothing.

    Args:
        about: the run's entry: action, version, environment and run id.
        app: the release's name.
        report: is told of what cannot be written.
        mask: takes the secrets out of a text.
    """

    about: Entry
    app: str
    report: Report
    mask: Callable[[str], str] = str
    _steps: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, event: Event) -> None:
        """Keep one step until its host's change has ended."""
        if event.host and event.kind != "began":
            with self._lock:
                self._steps[event.host].append(self._entry(event))

    def about_another(self, action: str, version: str) -> Journals:
        """Return the same ones for another action of the run; they share the steps that are kept."""
        return replace(self, about=replace(self.about, action=action, version=version))

    def begin(self, session: Session, host: Host) -> None:
        """Write that the change of a host begins.

        Raises:
            UnreachableError, DeadlineError: the connection was lost.
        """
        self.end(session, host, [self._made(outcome="began", at=_now())])

    def lines(self, host: str, outcome: str, reason: str = "", seconds: float = 0.0) -> list[Entry]:
        """Return the steps of a host, which are kept no longer, and how its change ended."""
        with self._lock:
            steps = self._steps.pop(host, [])
        return [*steps, self._made(outcome=outcome, reason=self.mask(reason), seconds=seconds, at=_now())]

    def end(self, session: Session, host: Host, lines: Sequence[Entry]) -> None:
        """Write how the change of a host ended.

        Raises:
            UnreachableError, DeadlineError: the connection was lost.
        """
        try:
            append(session, host, self.app, lines)
        except LOST:
            raise
        except DeliverError as error:
            self.miss(host.name, error)

    def miss(self, host: str, error: DeliverError) -> None:
        """Tell that a journal could not be written."""
        self.report.warn(f"the journal of {host} has a gap: {error.message}")

    def _entry(self, event: Event) -> Entry:
        outcome = {"ended": "ok", "failed": "failed"}.get(event.kind, "note")
        return self._made(
            outcome=outcome,
            step=event.step,
            reason=self.mask(event.text),
            seconds=event.seconds,
            at=moment(event.at),
        )

    def _made(self, **more: Any) -> Entry:
        return Entry(**{**asdict(self.about), **more})


def append(session: Session, host: Host, app: str, entries: Sequence[Entry]) -> None:
    """Add lines to the journal of a host, if deliver has been there before.

    Args:
        session: an open session to `host`.
        host: says below which path releases live there.
        app: the release's name.
        entries: the lines, the oldest first.

    Raises:
        RemoteError: this user may not enter the path.
        DeadlineError: the connection was lost.
    """
    lines = "\n".join(entry.line() for entry in entries)
    arguments = {"path": host.path, "app": app, "lines": lines}
    session.run(script("journal_append.sh", arguments, parts=_PARTS), deadline=PATIENCE)


def read(session: Session, host: Host, app: str, last: int) -> list[Entry]:
    """Return the last lines of the journal of a host, the oldest first; what is no line of a journal is left out.

    Args:
        session: an open session to `host`.
        host: says below which path releases live there.
        app: the release's name.
        last: how many lines.

    Raises:
        RemoteError: this user may not enter the path, or may not read the journal.
        DeadlineError: the connection was lost.
    """
    arguments: dict[str, Argument] = {"path": host.path, "app": app, "last": last}
    done = session.run(script("journal_read.sh", arguments, parts=_PARTS), deadline=PATIENCE)
    found = (parsed(line, host.name) for line in done.stdout.decode("utf-8", "replace").split("\n"))
    return [entry for entry in found if entry is not None]


def parsed(line: str, host: str = "") -> Entry | None:
    """Return one line of the journal of `host`; None when it is none."""
    try:
        known = json.loads(line)
        return Entry(**_texts(known), seconds=float(known.get("seconds", 0.0)), host=host)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _texts(known: Mapping[str, Any]) -> dict[str, str]:
    needed = {key: str(known[key]) for key in ("at", "who", "action")}
    names = [one.name for one in fields(Entry) if one.name not in {*needed, "seconds", "host"}]
    return {**needed, **{key: str(known[key]) for key in names if key in known}}
