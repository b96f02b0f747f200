"""The lock of an environment: one roll at a time, and none while a person wants none.

It is a directory on the first host that may keep it and answers. Whoever takes it then looks on all others that may
keep one and answer, and so meets a lock that was taken while the first was away.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timezone

from deliver.config.schema import Environment, Host
from deliver.errors import DeliverError, LockedError, UnreachableError
from deliver.remote.connect import LOST, patiently
from deliver.remote.fleet import each
from deliver.remote.script import Argument, Script, script
from deliver.remote.session import Session
from deliver.remote.who import ci_page, machine, me
from deliver.report import Report, age
from deliver.rollout.journal import Entry, append, parsed
from deliver.rollout.lock_keeper import SILENCE, Keeper

#: Returns an open session to a host. It is called from several threads, and once more for a host whose connection was
#: lost; whoever gave it closes the sessions.
Open = Callable[[Host], Session]
Site = tuple[Host, Session]

#: Hosts that are looked at at once.
AT_ONCE = 32
#: Seconds between two attempts, and for one look.
POLL = 1.0
PATIENCE = 30.0

_PARTS = ("lock.sh", "layout.sh", "node.sh", "lock_environment.sh")


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Holder:
    """Who has a lock, as everybody is told who meets it.

    Args:
        task: what for: `release`, `rolling-restart`; `lock` for a person.
        version: which version; empty for none.
        message: what they want to say.
        who: `user@machine`.
        host: the operator's machine.
        pid: the process there; 0 for a person, who needs none.
        ci: the page of the CI job; empty for none.
        since: when, in UTC.
        token: tells this holder from all others.
    """

    task: str
    version: str = ""
    message: str = ""
    who: str = field(default_factory=me)
    host: str = field(default_factory=machine)
    pid: int = field(default_factory=os.getpid)
    ci: str = field(default_factory=ci_page)
    since: str = field(default_factory=_now)
    token: str = field(default_factory=lambda: secrets.token_hex(8))

    @classmethod
    def read(cls, document: str) -> Holder:
        """Return who a lock's JSON tells of; whoever wrote it, it is somebody."""
        try:
            known = json.loads(document)
            texts = {one.name: str(known.get(one.name, "")) for one in fields(cls) if one.name != "pid"}
            return cls(**{**texts, "who": texts["who"] or "somebody"}, pid=int(known.get("pid", 0)))
        except (ValueError, TypeError, AttributeError):
            return cls(task="", who="somebody", host="", pid=0, ci="", since="", token="")

    def document(self) -> str:
        """Return it as JSON, in one line."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @property
    def is_person(self) -> bool:
        """Whether it is kept without a process."""
        return self.pid == 0

    def told(self) -> str:
        """Return it in words: a line, and more lines for its message and its CI job."""
        work = "by hand" if self.is_person else f"{self.task} {self.version}".strip() + f", process {self.pid}"
        old = age(self.since)
        since = f", since {self.since}" + (f", {old} ago" if old else "") if self.since else ""
        lines = [f"{self.who} ({work}{since})"]
        lines += [f"message: {self.message}"] if self.message else []
        lines += [f"CI job: {self.ci}"] if self.ci else []
        return "\n".join(lines)


@dataclass(frozen=True)
class Found:
    """A lock that is there.

    Args:
        host: on which host.
        holder: who has it.
        owner: what the host knows them by; empty when that was not asked for.
    """

    host: str
    holder: Holder
    owner: str = ""


@dataclass(frozen=True)
class Look:
    """What a host says of a lock.

    Args:
        last: the token of who took it last there; empty when nobody ever did.
        found: who has it; None when it is free.
    """

    last: str
    found: Found | None


@dataclass
class Held:
    """The lock of an environment, for as long as it is ours; made by `held`.

    Args:
        environment: whose lock.
        app: the release's name.
        holder: who we are.
        open: returns a session to a host.
        report: hears of what happens to it.
    """

    environment: Environment
    app: str
    holder: Holder
    open: Open
    report: Report
    _site: Site | None = None
    _keeper: Keeper | None = None
    #: Who took it last on each host, as far as we have seen.
    _seen: dict[str, str] = field(default_factory=dict)
    _error: LockedError | None = None
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    @property
    def host(self) -> str:
        """The name of the host that keeps it; empty before it was taken."""
        return self._site[0].name if self._site else ""

    def check(self) -> None:
        """Make sure that the lock is still ours; safe to call from several threads.

        When the connection to its host was lost, it is taken again, if nobody else has had it meanwhile.

        Raises:
            LockedError: it is not ours any more, now or when that was asked before.
        """
        with self._mutex:
            if self._error is not None:
                raise self._error
            try:
                self._confirm()
            except DeliverError as error:
                self._error = self._lost(error)
                raise self._error from error

    def leave(self) -> None:
        """Leave the lock to a person: it stays when our process ends, and the journal of its host says so.

        Raises:
            LockedError: it is not ours any more, or nobody knows.
        """
        with self._mutex:
            key, text = self._asked("keep")
            if key != "kept":
                raise self._lost(self._taken_away(text) if key == "lost" else LockedError(self._trouble))
        if self._site is not None:
            entry = Entry("lock", environment=self.environment.name, reason=self.holder.message)
            append(self._site[1], self._site[0], self.app, [entry])

    def take(self, wait: float) -> None:
        """Take it, waiting for so many seconds while others have it; see `held`."""
        sites = reach(self.environment, self.open, self.report)
        sites.sort(key=lambda site: site[0].name != self.host)  # where it was, when it is taken again
        until = time.monotonic() + wait
        is_told = False
        while (met := self._attempt(sites)) is not None:
            if self.holder.is_person and _is_mine(met) and met.holder.token != self.holder.token:
                self.holder = replace(self.holder, token=met.holder.token)
                continue
            if time.monotonic() >= until:
                raise refusal(self.environment.name, met)
            if not is_told:
                self.report.step(met.host, f"waiting for the lock of {self.environment.name}: {met.holder.told()}")
            is_told = True
            time.sleep(min(POLL, max(0.0, until - time.monotonic())))

    def release(self) -> None:
        """Give it back; does nothing when it is not ours."""
        keeper, self._keeper = self._keeper, None
        if keeper is None or keeper.end() or self._error is not None:
            return
        # Its host cannot know yet that we are gone.
        with suppress(DeliverError):
            self._give_back_anew()

    def _give_back_anew(self) -> None:
        """Take it over another connection, and give it back there."""
        self.take(0.0)
        if self._keeper is not None:
            self._keeper.end()

    def _confirm(self) -> None:
        key, text = self._asked("ask")
        if key == "lost":
            raise self._taken_away(text)
        if key != "held":
            self.report.warn(f"{self._trouble}: taking the lock of {self.environment.name} again")
            patiently(self._take_again)

    def _take_again(self) -> None:
        old = self._keeper
        try:
            self.take(0.0)
        finally:
            # The network may come back, and its script with it.
            if old is not None:
                old.let_go()

    def _asked(self, word: str) -> tuple[str, str]:
        return self._keeper.ask(word) if self._keeper else ("ended", "")

    @property
    def _trouble(self) -> str:
        return self._keeper.trouble if self._keeper else "it was not taken"

    def _attempt(self, sites: list[Site]) -> Found | None:
        """Take it on the first host; return who has it, there or elsewhere, when somebody does."""
        keeper, (key, text) = self._first(sites)
        host = sites[0][0]
        if key == "locked":
            keeper.end()
            return Found(host.name, Holder.read(text))
        try:
            looks = look(self.environment, self.app, sites[1:], self.report)
            met = next((found for found in map(self._stranger, looks.values()) if found), None)
            if met is None:
                self._settle(host.name, {host.name: text, **{name: one.last for name, one in looks.items()}})
        except BaseException:
            keeper.end()
            raise
        if met is not None:
            keeper.end()
            return met
        self._keeper, self._site = keeper, sites[0]
        return None

    def _first(self, sites: list[Site]) -> tuple[Keeper, tuple[str, str]]:
        """Return what the first host says to our keeper; those that do not answer are left out from now on."""
        while True:
            host, session = sites[0]
            keeper = Keeper(session, self._script(host))
            try:
                return keeper, keeper.opened()
            except BaseException as error:
                keeper.end()
                if len(sites) == 1 or not isinstance(error, LOST):
                    raise
                _skip(host.name, error, self.report)
                del sites[0]

    def _script(self, host: Host) -> Script:
        given: dict[str, Argument] = {
            "path": host.path,
            "app": self.app,
            "environment": self.environment.name,
            "token": self.holder.token,
            "holder": self.holder.document(),
            "silence": SILENCE,
        }
        return script("lock_keep.sh", given, parts=_PARTS)

    def _stranger(self, one: Look) -> Found | None:
        return one.found if one.found and one.found.holder.token != self.holder.token else None

    def _settle(self, host: str, last: dict[str, str]) -> None:
        """Refuse a lock that somebody else may have had since we took it first; else remember how it is now."""
        if self._seen:
            strangers = [name for name in last if self._seen.get(name, last[name]) != last[name]]
            strangers += [host] if host not in self._seen else []
            if strangers:
                raise LockedError(f"somebody else may have had it meanwhile on {', '.join(strangers)}")
        self._seen |= {**last, host: self.holder.token}

    def _lost(self, error: DeliverError) -> LockedError:
        hint = error.hint or f"see what is there with: status --on {self.environment.name}"
        return LockedError(f"the lock of {self.environment.name} is not ours any more: {error.message}", hint=hint)

    def _taken_away(self, line: str) -> LockedError:
        entry = parsed(line)
        who = f"{entry.who} took it away at {entry.at}: {entry.reason}" if entry else "it was taken away"
        return LockedError(who, hint=f"ask them; see what was done with: history --on {self.environment.name}")


@contextmanager
def held(
    environment: Environment,
    app: str,
    holder: Holder,
    open: Open,  # noqa: A002  # what it does
    *,
    wait: float,
    report: Report,
) -> Iterator[Held]:
    """Hold the lock of an environment to the end of the `with`.

    It is free again as soon as we are gone, however that comes about: at once when our connection ends with us, within
    about a minute when the network does not tell.

    Args:
        environment: whose lock.
        app: the release's name.
        holder: who we are; everybody is told who meets it.
        open: returns an open session to a host; called once more for one whose connection was lost.
        wait: seconds to wait while others have it.
        report: hears of hosts that do not answer, and of a wait.

    Raises:
        LockedError: somebody else has it.
        UnreachableError: no host that may keep it answers.
        HostKeyError: one of them is not the one we know.
        RemoteError: it cannot be written there.
    """
    lock = Held(environment, app, holder, open, report)
    try:
        lock.take(wait)
        yield lock
    finally:
        lock.release()


def leave(
    environment: Environment,
    app: str,
    message: str,
    open: Open,  # noqa: A002  # what it does
    *,
    wait: float,
    report: Report,
) -> str:
    """Lock an environment until somebody unlocks it; a lock that we keep so already gets the new message.

    Args:
        environment: which one.
        app: the release's name.
        message: why; everybody is told who meets the lock.
        open: returns an open session to a host.
        wait: seconds to wait while others have it.
        report: hears of hosts that do not answer, and of a wait.

    Returns:
        The name of the host that keeps it.

    Raises:
        LockedError: somebody else has it.
        UnreachableError: no host that may keep it answers.
    """
    holder = Holder("lock", message=message, pid=0)
    with held(environment, app, holder, open, wait=wait, report=report) as lock:
        lock.leave()
        return lock.host


def free(
    environment: Environment,
    app: str,
    open: Open,  # noqa: A002  # what it does
    report: Report,
    *,
    force: bool = False,
    reason: str = "",
) -> list[Found]:
    """Take the lock of an environment away, wherever it is found; the journal there tells who did, and why.

    Args:
        environment: whose lock.
        app: the release's name.
        open: returns an open session to a host.
        report: hears of hosts that do not answer.
        force: whether it may be anybody's; otherwise only our own, kept without a process.
        reason: why.

    Returns:
        What was freed; empty when nobody had it.

    Raises:
        LockedError: somebody else has it, or a process of ours, and `force` is not set.
        UnreachableError: no host that may keep it answers.
    """
    sites = reach(environment, open, report)
    found = [one.found for one in look(environment, app, sites, report).values() if one.found is not None]
    for one in found:
        if not (force or _is_mine(one)):
            raise refusal(environment.name, one)
    places = {host.name: (host, session) for host, session in sites}
    return [one for one in found if _free(environment, app, places[one.host], one, reason)]


def _free(environment: Environment, app: str, site: Site, found: Found, reason: str) -> bool:
    host, session = site
    entry = Entry("unlock", outcome="ok" if _is_mine(found) else "forced", environment=environment.name, reason=reason)
    given: dict[str, Argument] = {
        "path": host.path,
        "app": app,
        "environment": environment.name,
        "owner": found.owner,
        "line": entry.line(),
    }
    done = session.run(script("lock_free.sh", given, parts=_PARTS), deadline=PATIENCE)
    return any(key == "freed" for key, _ in done.facts())


def _is_mine(found: Found) -> bool:
    return found.holder.is_person and found.holder.who == me()


def candidates(environment: Environment) -> list[Host]:
    """Return the hosts that may keep the lock, the best first."""
    named = {host.name: host for host in environment.hosts}
    return [named[name] for name in environment.lock_hosts] or list(environment.hosts)


def reach(environment: Environment, open: Open, report: Report) -> list[Site]:  # noqa: A002  # what it does
    """Return a session to each host that may keep the lock and answers, the best first.

    Raises:
        UnreachableError: none does.
        HostKeyError: one of them is not the one we know.
    """
    hosts = candidates(environment)
    outcomes = each(hosts, lambda host: (host, open(host)), name=lambda host: host.name, limit=AT_ONCE)
    sites = []
    for outcome in outcomes:
        if isinstance(outcome.error, UnreachableError):
            _skip(outcome.name, outcome.error, report)
        else:
            sites.append(outcome.get())
    if not sites:
        raise UnreachableError(f"no host that may keep the lock of {environment.name} answers")
    return sites


def look(environment: Environment, app: str, sites: Sequence[Site], report: Report) -> dict[str, Look]:
    """Return what hosts say of the lock, by name; those that do not answer are told of, and left out."""
    outcomes = each(sites, lambda site: _look(environment, app, *site), name=lambda site: site[0].name, limit=AT_ONCE)
    looks = {}
    for outcome in outcomes:
        if isinstance(outcome.error, LOST):
            _skip(outcome.name, outcome.error, report)
        else:
            looks[outcome.name] = outcome.get()
    return looks


def _look(environment: Environment, app: str, host: Host, session: Session) -> Look:
    given: dict[str, Argument] = {"path": host.path, "app": app, "environment": environment.name}
    done = session.run(script("lock_look.sh", given, parts=_PARTS), deadline=PATIENCE)
    said = dict(done.facts())
    owner, document = said.get("held", ("", ""))
    return Look(said["last"][0], Found(host.name, Holder.read(document), owner) if owner else None)


def _skip(name: str, error: BaseException, report: Report) -> None:
    report.warn(f"the lock is not looked for on {name}, which does not answer: {error}")


def refusal(environment: str, met: Found) -> LockedError:
    """Return the error for who meets a lock of somebody else."""
    unlock = f"invoke {shlex.join(['unlock', '--on', environment])}"
    if _is_mine(met):
        hint = f"it is yours: {unlock}"
    else:
        hint = f"wait for them with --lock-wait SECONDS; or, if it should not be there: {unlock} --force --reason WHY"
    return LockedError(told(environment, met), hint=hint)


def told(environment: str, found: Found) -> str:
    """Return in words that an environment is locked, where, and by whom."""
    return f"{environment} is locked, on {found.host}, by {found.holder.told()}"
