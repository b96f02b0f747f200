"""Installing an upgrade on the running nodes of an environment, and taking it back: host after host, each looked at."""

from __future__ import annotations

import secrets
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from deliver.config.schema import Config, Environment, Host
from deliver.errors import DeliverError, MixedFleetError, NodeError, TargetError
from deliver.node.control import start, stop
from deliver.otp.upgrade import snapshot as snapshots
from deliver.otp.upgrade.check import Expected, check
from deliver.otp.upgrade.snapshot import Snapshot
from deliver.report import Report
from deliver.ship.crew import Crew, Site, agreed
from deliver.ship.flow import Deployment
from deliver.ship.flow import Request as Shipping
from deliver.store.store import Store
from deliver.upgrade.choice import Choice, choose, previous
from deliver.upgrade.upgrader import Change, Step, Upgrader


@dataclass(frozen=True)
class Request:
    """What to bring the nodes to, and where.

    Args:
        version: that they are to run; empty for the one before.
        environment: where.
        hosts: those of its hosts that are meant.
        probation: seconds to watch a node before the version becomes permanent.
        unproven: whether a pair that is not proven is installed all the same.
        lock_wait: seconds to wait for a host's lock.
    """

    version: str
    environment: Environment
    hosts: tuple[Host, ...]
    probation: float = 5.0
    unproven: bool = False
    lock_wait: int = 0


@dataclass(frozen=True)
class Row:
    """What came of one host.

    Args:
        host: its name.
        old: the version that it ran.
        new: the version that it runs, as far as we know.
        state: `waiting`, `runs it already`, `upgraded`, `downgraded`, `taken back`, `restarted`, `failed`.
        milliseconds: that the change took on the node.
    """

    host: str
    old: str
    new: str
    state: str = "waiting"
    milliseconds: int = 0


@dataclass
class HotDeployment:
    """One hot deployment; `rows` tell what came of it, also when it failed.

    Args:
        config: all of the configuration.
        store: has the releases and the pairs.
        report: hears of the progress.
        request: what to do, and where.
    """

    config: Config
    store: Store
    report: Report
    request: Request
    rows: dict[str, Row] = field(default_factory=dict)
    _salt: str = field(default_factory=lambda: secrets.token_hex(16))

    def run(self) -> None:
        """Upgrade, or go back.

        Raises:
            UsageError: the store does not have the version, or a pair that leads there.
            TargetError: a node cannot be upgraded while it runs; nothing was changed anywhere.
            UnreachableError: a host does not answer; nothing was changed anywhere.
            LockedError: somebody else is at work on a host.
            NodeError: the upgrade failed on a node; the message says what it runs now.
            MixedFleetError: some nodes run the new version, and some do not.
        """
        request, app = self.request, self.config.app
        with self.store.reader(), Crew(self.config.ssh, self.report, app) as crew:
            sites = agreed(crew.reach(request.hosts))
            choices = [self._choice(site) for site in sites]
            self.rows = {one.site.name: _row(one) for one in choices}
            waiting = [one for one in choices if one.step is not None]
            self._ship(waiting)
            ready = agreed(crew.each([one.site for one in waiting], lambda site: self._ready(_of(waiting, site))))
            for number, one in enumerate(ready):
                self._one(one, [other.choice.site.name for other in ready[number:]])

    def _choice(self, site: Site) -> Choice:
        version = self.request.version or previous(self.store, self.config.app, site)
        return choose(self.store, self.config.app, site, version, unproven=self.request.unproven)

    def _ship(self, choices: Sequence[Choice]) -> None:
        for version in sorted({one.version for one in choices}):
            hosts = tuple(one.site.host for one in choices if one.version == version and not one.is_installed)
            if hosts:
                shipping = Shipping(version, self.request.environment, hosts, lock_wait=self.request.lock_wait)
                Deployment(self.config, self.store, self.report, shipping).run()

    def _ready(self, choice: Choice) -> _Ready:
        assert choice.step is not None  # noqa: S101  # the others are not asked
        site, pair = choice.site, choice.step.pair
        files = {name: self._content(sha) for name, sha in pair.files.items()}
        upgrader = Upgrader(
            site.session,
            site.host,
            self.request.environment,
            self.config.app,
            site.facts.root,
            {name: data for name, data in files.items() if not name.endswith(".json")},
            self._salt,
            self.config.upgrade.timeout,
            self.request.lock_wait,
        )
        upgrader.prepare(pair)
        problems = upgrader.preflight(choice.step)
        if problems:
            raise TargetError(
                "\n".join(f"{site.name}: {one}" for one in problems), hint=_by_restart(self.request, choice)
            )
        fresh = snapshots.parse(files["to.json" if choice.step.is_up else "from.json"])
        return _Ready(choice, choice.step, upgrader, fresh)

    def _content(self, sha: str) -> bytes:
        return b"".join(self.store.read(sha))

    def _one(self, ready: _Ready, rest: Sequence[str]) -> None:
        try:
            self._change(ready)
        except DeliverError as error:
            raise self._failure(error, ready, rest) from error

    def _change(self, ready: _Ready) -> None:
        name, step = ready.choice.site.name, ready.step
        try:
            change = ready.upgrader.change(step)
        except NodeError as error:
            raise self._settled(ready, error) from error
        wrong = self._wrong(ready, change)
        if not wrong and self.request.probation:
            time.sleep(self.request.probation)
            wrong = self._wrong(ready, replace(change, after=ready.upgrader.agent.snapshot(self._salt)))
        if wrong:
            raise self._taken_back(ready, wrong)
        ready.upgrader.commit(step)
        state = "upgraded" if step.is_up else "downgraded"
        self._tell(name, step.new.version, state, change.milliseconds)
        way = f"from {step.old.version} to {step.new.version}"
        self.report.step(name, f"{state} {way} in {change.milliseconds} ms")

    def _wrong(self, ready: _Ready, change: Change) -> list[str]:
        expected = Expected(ready.fresh, change.before, ready.ended, elsewhere=True, asked=ready.step.pair.asked)
        findings = list(check(change.after, expected))
        for one in findings:
            if one.level == "warning":
                self.report.warn(f"{ready.choice.site.name}: {one.about}: {one.text}")
        return [f"{one.about}: {one.text}" for one in findings if one.level == "error"]

    def _settled(self, ready: _Ready, error: NodeError) -> NodeError:
        """Return what to tell of a node whose upgrade failed, when it has come to rest."""
        site, step = ready.choice.site, ready.step
        try:
            start(site.session, site.host, self.request.environment, self.config.app)
            now = ready.upgrader.agent.snapshot(self._salt)
        except DeliverError as silent:
            self._tell(site.name, "", "failed")
            return NodeError(
                f"{error.message}; and the node does not answer any more: {silent.message}", hint=silent.hint
            )
        self._tell(site.name, now.release, "failed" if now.release == step.old.version else "restarted")
        return NodeError(f"{error.message}; the node runs {now.release}", hint=error.hint)

    def _taken_back(self, ready: _Ready, wrong: Sequence[str]) -> NodeError:
        site, step = ready.choice.site, ready.step
        text = "\n".join([f"{site.name}: {step.new.version} is not right there:", *(f"  {one}" for one in wrong)])
        if step.is_up and step.pair.verdict == "hot":
            back = Step(step.pair, step.new, step.old)
            ready.upgrader.change(back)
            ready.upgrader.agent.leave()
            self._tell(site.name, step.old.version, "taken back")
            return NodeError(f"{text}\nthe node was taken back to {step.old.version}, without a restart")
        environment, app = self.request.environment, self.config.app
        stop(site.session, site.host, environment, app, kill=True)
        started = start(site.session, site.host, environment, app)
        self._tell(site.name, started.version, "restarted")
        return NodeError(f"{text}\nthe node was restarted, and runs {started.version}")

    def _failure(self, error: DeliverError, ready: _Ready, rest: Sequence[str]) -> DeliverError:
        done = [row.host for row in self.rows.values() if row.state in {"upgraded", "downgraded"}]
        if not done:
            return error
        version = ready.step.new.version
        words = ["deploy-upgrade", "--version", version, "--to", self.request.environment.name]
        again = shlex.join(["invoke", *words, *(word for name in rest for word in ("--host", name))])
        lines = [error.message, f"{version} runs on: {', '.join(done)}", f"not upgraded: {', '.join(rest)}"]
        return MixedFleetError("\n".join(lines), hint="\n".join(filter(None, [error.hint, f"to go on: {again}"])))

    def _tell(self, host: str, version: str, state: str, milliseconds: int = 0) -> None:
        row = self.rows[host]
        self.rows[host] = replace(row, new=version or row.new, state=state, milliseconds=milliseconds)


@dataclass(frozen=True)
class _Ready:
    """A node that can be changed."""

    choice: Choice
    step: Step
    upgrader: Upgrader
    fresh: Snapshot
    ended: tuple[tuple[str, ...], ...] = ()


def _row(choice: Choice) -> Row:
    state = "waiting" if choice.step else "runs it already"
    return Row(choice.site.name, choice.runs, choice.runs, state)


def _of(choices: Sequence[Choice], site: Site) -> Choice:
    return next(one for one in choices if one.site.name == site.name)


def _by_restart(request: Request, choice: Choice) -> str:
    words = ["deploy-release", "--version", choice.version, "--to", request.environment.name, "--start"]
    return f"or restart the nodes: invoke {shlex.join(words)}"
