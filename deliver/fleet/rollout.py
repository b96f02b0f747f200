"""A roll before it begins: what it brings its hosts to, and its plan, which somebody has to agree to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from deliver.config.schema import Config
from deliver.errors import DeliverError, UsageError
from deliver.fleet import good, targets
from deliver.fleet.order import Order, Person
from deliver.fleet.plan import Plan
from deliver.fleet.rolling import Rolling
from deliver.fleet.told import Row
from deliver.fleet.ways import Assigner, Assignment, Target, restarts, running_version
from deliver.remote.fleet import Outcome
from deliver.report import Report
from deliver.rollout import journal, record
from deliver.ship.crew import Crew, Site, agreed
from deliver.store.store import Store
from deliver.upgrade.choice import previous


@dataclass
class Rollout:
    """One roll; `plan` and `rows` tell what was meant and what came of it, also when it failed.

    Args:
        config: all of the configuration.
        store: has the releases and the pairs.
        report: hears of the progress.
        order: what is wanted.
        person: who wants it.
    """

    config: Config
    store: Store
    report: Report
    order: Order
    person: Person
    plan: Plan | None = None
    rows: list[Row] = field(default_factory=list)
    page: Path | None = None

    def run(self) -> None:
        """Plan, ask, and roll.

        Raises:
            UsageError: a version is not there, or nobody can be asked.
            UnreachableError: a host does not answer; nothing was changed anywhere.
            TargetError: a host cannot have the version; nothing was changed anywhere.
            LockedError: somebody else is at work on the environment; nothing was changed anywhere.
            NodeError: a host failed, or the fleet is not healthy.
            RestartedError: an upgrade failed, and a node was restarted for it.
            MixedFleetError: some hosts run the new version, and some do not, or are down.
        """
        built = self._built()
        with self.store.reader(), Crew(self.config.ssh, self.report, self.config.app) as crew:
            sites = agreed(crew.reach(self.order.hosts))
            target = built or self._found(crew, sites)
            lacks = self._make_pairs(target, sites) if target else ()
            plan = self.plan = replace(self.planned(target, sites), lacks=tuple(lacks))
            if not self.person.agrees(plan):
                if self.person.only_plans:
                    return
                raise DeliverError("not agreed to: nothing was changed")
            if plan.is_idle:
                self.rows = [Row(one.name, "runs it already", "new", one.old, one.version) for one in plan.assignments]
            else:
                Rolling(self, crew, target).run(plan)

    # What to bring the hosts to ---------------------------------------------------------------------------------------

    def _built(self) -> Target | None:
        order = self.order
        if order.task != "release":
            return None
        if order.tag and not self.person.only_plans:
            return targets.tagged(self.config, self.store, self.report, order.tag, order.lock_wait)
        if order.tag:
            return targets.foreseen(self.config, self.store, order.tag)
        version = order.version or self._unfinished("release", "promote").version
        return targets.stored(self.store, self.config.app, version)

    def _found(self, crew: Crew, sites: Sequence[Site]) -> Target | None:
        order, app = self.order, self.config.app
        if order.task == "rolling-restart":
            return None
        if order.origin is not None:
            return targets.promoted(self.store, app, order.origin.name, agreed(crew.reach(order.origin.hosts)))
        return targets.stored(self.store, app, order.version or self._last_good(crew, sites))

    def _last_good(self, crew: Crew, sites: Sequence[Site]) -> str:
        app = self.config.app
        read = agreed(crew.each(sites, lambda one: (one.name, journal.read(one.session, one.host, app, good.LINES))))
        version = good.before(dict(read), {site.name: running_version(site) for site in sites})
        found = {version} if version else {previous(self.store, app, site) for site in sites}
        if len(found) > 1:
            raise UsageError(
                "hosts would go back to different versions",
                hint=f"say which with --version: {', '.join(sorted(found))}",
            )
        return found.pop()

    def _unfinished(self, *tasks: str) -> record.Run:
        run = record.latest(record.place(self.config.file), self.order.environment.name)
        if run is None or run.task not in tasks or (run.end and run.end.outcome == "done"):
            raise UsageError(
                f"there is no {' or '.join(tasks)} on {self.order.environment.name} that did not come to its end",
                hint="the same command without --resume goes on from what is there",
            )
        return run

    def _first(self, task: str) -> record.Run:
        """Return the run that did not come to its end, or the one that it went on with."""
        first = self._unfinished(task)
        for run in reversed(record.runs(record.place(self.config.file), self.order.environment.name)):
            if run.task != task or (run.end and run.end.outcome == "done"):
                break
            first = run
            if "--resume" not in run.command:
                break
        return first

    # The plan ---------------------------------------------------------------------------------------------------------

    def planned(self, target: Target | None, sites: Sequence[Site]) -> Plan:
        """Return the plan for hosts as they are.

        Args:
            target: what they are to run; None for a restart.
            sites: the hosts.

        Raises:
            TargetError: a host cannot have that.
        """
        order = self.order
        if target is None:
            found = tuple(self._restarts(sites))
            return Plan(order.task, order.environment, "", found, order.strategy, unended=order.resumes)
        assigner = self.assigner
        assignments = agreed([_assigned(assigner, site, target) for site in sites])
        return Plan(
            order.task,
            order.environment,
            target.version,
            tuple(assignments),
            order.strategy,
            unended=any(_is_unended(one) for one in assignments),
        )

    @property
    def assigner(self) -> Assigner:
        """Finds the way of each host."""
        order = self.order
        return Assigner(self.store, self.config.app, order.environment.name, order.strategy, order.unproven)

    def _make_pairs(self, target: Target, sites: Sequence[Site]) -> list[str]:
        if self.order.task not in {"release", "promote"} or self.order.strategy in {"restart", "cold"}:
            return []
        if self.person.only_plans:
            release = [] if target.builds else [f"the release {target.version} is built"]
            lacking = targets.lacking(self.store, self.config.app, target, sites)
            return [*release, *(f"the upgrade {old}..{target.version} is made, and rehearsed" for old in lacking)]
        targets.pairs(self.config, self.store, self.report, target, sites, self.order.lock_wait)
        return []

    def _restarts(self, sites: Sequence[Site]) -> list[Assignment]:
        found = restarts(sites)
        if not self.order.resumes:
            return found
        since = self._first("rolling-restart").at
        return [one.settled() if _booted_after(one.site, since) else one for one in found]


def _assigned(assigner: Assigner, site: Site, target: Target) -> Outcome[Assignment]:
    try:
        return Outcome(site.name, assigner.assign(site, target))
    except DeliverError as error:
        return Outcome(site.name, error=error)


def _is_unended(one: Assignment) -> bool:
    """Whether the last roll on a host was to the same version, and did not come to its end."""
    rolled = one.rolled
    return rolled is not None and rolled.version == one.version and rolled.action not in {good.GOOD, good.UNDO}


def _booted_after(site: Site, moment: float) -> bool:
    """Whether a host's node was started after that, by the host's own clock, and is up."""
    node, process = site.facts.node, site.facts.process
    return node is not None and node.booted and process is not None and process.started_at > moment
