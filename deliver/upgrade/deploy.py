"""Installing an upgrade on the running nodes of an environment, and taking it back: host after host, each looked at."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from deliver.config.schema import Config, Environment, Host
from deliver.errors import TargetError
from deliver.node.agent import Preflight
from deliver.otp.upgrade import snapshot as snapshots
from deliver.otp.upgrade.pair import Pair, goes_to_hosts
from deliver.otp.upgrade.pauses import held
from deliver.otp.upgrade.reach import weigh
from deliver.report import Report
from deliver.ship.crew import Crew, Site, agreed
from deliver.ship.flow import Deployment
from deliver.ship.flow import Request as Shipping
from deliver.store.store import Store
from deliver.upgrade import told
from deliver.upgrade.choice import Choice, choose
from deliver.upgrade.told import Row, Words
from deliver.upgrade.turn import Ready, Turn
from deliver.upgrade.upgrader import Upgrader

#: Seconds that a host may be kept for each node, besides what its change may take: for stopping, starting and asking.
SLACK = 600.0


@dataclass(frozen=True)
class Request:
    """What to bring the nodes to, and where.

    Args:
        version: that they are to run.
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

    @property
    def words(self) -> Words:
        """The command line, but for the version."""
        named = () if self.hosts == self.environment.hosts else tuple(host.name for host in self.hosts)
        return Words("deploy-upgrade", self.environment.name, named, ("--unproven",) if self.unproven else ())


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
        """Upgrade.

        Raises:
            UsageError: the store does not have the version, or a pair that leads there.
            TargetError: a node cannot be upgraded while it runs; nothing was changed anywhere.
            UnreachableError: a host does not answer; nothing was changed anywhere.
            LockedError: somebody else is at work on a host; nothing was changed anywhere.
            NodeError: the upgrade failed on a node; the message says what it runs now.
            RestartedError: the upgrade failed, and a node was restarted for it.
            MixedFleetError: some nodes run the new version, and some do not.
        """
        with self.store.reader(), Crew(self.config.ssh, self.report, self.config.app) as crew, ExitStack() as kept:
            sites = agreed(crew.reach(self.request.hosts))
            crew.refuse_locked(self.request.environment, sites)
            choices = agreed(crew.each(sites, self._choice))
            self.rows = {one.site.name: _row(one) for one in choices}
            waiting = [one for one in choices if one.step is not None]
            self._ship(crew, waiting)
            prepared = agreed(crew.each([one.site for one in waiting], self._preparing(waiting, kept)))
            ready = [one for one in prepared if isinstance(one, Ready)]
            self.rows.update({one.site.name: _row(one) for one in prepared if isinstance(one, Choice)})
            self._turns(crew, ready)

    def _choice(self, site: Site) -> Choice:
        return self._chosen(site, self.request.version)

    def _chosen(self, site: Site, version: str) -> Choice:
        environment, unproven = self.request.environment.name, self.request.unproven
        return choose(self.store, self.config.app, site, version, environment, unproven=unproven)

    def _ship(self, crew: Crew, choices: Sequence[Choice]) -> None:
        lacking = [(release.version, one.site) for one in choices for release in one.ships]
        for version in dict.fromkeys(version for version, _ in lacking):
            sites = [site for lacked, site in lacking if lacked == version]
            hosts = tuple(site.host for site in sites)
            shipping = Shipping(version, self.request.environment, hosts, lock_wait=self.request.lock_wait)
            Deployment(self.config, self.store, self.report, shipping).bring(crew, sites)

    def _preparing(self, choices: Sequence[Choice], kept: ExitStack) -> Callable[[Site], Ready | Choice]:
        chosen = {one.site.name: one for one in choices}
        stay = (
            sum(self.config.upgrade.timeout + self.request.probation + SLACK for _ in choices) + self.request.lock_wait
        )
        return lambda site: self.prepared(chosen[site.name], kept, stay)

    def prepared(self, choice: Choice, kept: ExitStack, stay: float) -> Ready | Choice:
        """Make a host ready, and keep it; return the choice when there is nothing to do on it any more.

        Args:
            choice: what is to be done on it.
            kept: what frees the host again is put there.
            stay: seconds that it may be kept.

        Raises:
            TargetError: its node cannot be upgraded while it runs.
            LockedError: somebody else is at work there.
            DeliverError: it is not ready; the node is as it was.
        """
        step, site = choice.step, choice.site
        if step is None:
            return choice
        files = {name: b"".join(self.store.read(sha)) for name, sha in step.pair.files.items()}
        upgrader = self._upgrader(site, {name: data for name, data in files.items() if goes_to_hosts(name)})
        with ExitStack() as opening:
            readiness = opening.enter_context(upgrader.opened(step, stay, resumes=choice.resumes))
            if not readiness.had_to_wait or (changed := self._chosen_again(choice)) is None:
                self._refuse(choice, self._problems(site, step.pair, readiness.preflight))
                kept.push(opening.pop_all())
                fresh = {
                    step.pair.from_version: snapshots.parse(files["from.json"]),
                    step.pair.to_version: snapshots.parse(files["to.json"]),
                }
                return Ready(choice, step, upgrader, fresh, readiness.preflight.incarnation)
        return self.prepared(changed, kept, stay)

    def _problems(self, site: Site, pair: Pair, preflight: Preflight) -> list[str]:
        problems, known = weigh(preflight.problems, preflight.unreached, pair.asked)
        for one in known:
            self.report.warn(f"{site.name}: {one.about} {one.text}")
        return problems

    def _chosen_again(self, choice: Choice) -> Choice | None:
        """Return another choice, when whoever was at work on the host has changed what is to be done."""
        again = self._chosen(choice.site.again(self.config.app), choice.version)
        return None if (again.step, again.resumes) == (choice.step, choice.resumes) else again

    def _upgrader(self, site: Site, files: dict[str, bytes]) -> Upgrader:
        return Upgrader(
            site.session,
            site.host,
            self.request.environment,
            self.config.app,
            site.facts.root,
            files,
            self._salt,
            self.config.upgrade.timeout,
            self.request.lock_wait,
        )

    def _refuse(self, choice: Choice, problems: Sequence[str]) -> None:
        if problems:
            words = f"--version {choice.version} --to {self.request.environment.name} --start"
            raise TargetError(
                "\n".join(f"{choice.site.name}: {one}" for one in problems),
                hint=f"or restart the nodes: invoke deploy-release {words}",
            )

    def _turns(self, crew: Crew, ready: Sequence[Ready]) -> None:
        try:
            for one in ready:
                self._turn(crew, one)
        except KeyboardInterrupt:
            rows = list(self.rows.values())
            self.report.warn(f"{told.fleet(rows)}\nto go on: {told.mend(rows, self.request.words)}")
            raise

    def _turn(self, crew: Crew, ready: Ready) -> None:
        name, step = ready.choice.site.name, ready.step
        request, row = self.request, self.rows[name]
        self.rows[name] = replace(row, state="changing", new="")
        turn = Turn(
            ready, request.environment, request.probation, self.report, lambda host: agreed(crew.reach([host]))[0]
        )
        ended = turn.run()
        self.rows[name] = replace(row, new=ended.version, state=ended.state, milliseconds=ended.milliseconds)
        if ended.error is not None:
            raise told.failure(ended.error, list(self.rows.values()), request.words) from ended.error
        took = f"in {ended.milliseconds} ms, {held(ended.pause)}"
        how = took if not ready.choice.resumes else "before; checked, and what it boots now"
        self.report.step(name, f"{ended.state} from {step.old.version} to {step.new.version} {how}")


def _row(choice: Choice) -> Row:
    state = "waiting" if choice.step else "runs it already"
    return Row(choice.site.name, choice.runs, choice.runs, choice.version, state)
