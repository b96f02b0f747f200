"""The work of a roll under its lock: the fleet looked at, bytes shipped, batch after batch, and its end."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from deliver.config.schema import Host, Once
from deliver.errors import DeliverError, FleetError, NodeError, TargetError
from deliver.fleet import good, told
from deliver.fleet.hands import FleetHands
from deliver.fleet.means import Means
from deliver.fleet.plan import Plan, Task
from deliver.fleet.told import Row, Words
from deliver.fleet.ways import Assignment, Strategy, running_version
from deliver.remote.connect import RECONNECT
from deliver.remote.fleet import Outcome as Seen
from deliver.rollout import journal, once
from deliver.rollout.drive import drive
from deliver.rollout.events import Story
from deliver.rollout.lock import Held
from deliver.rollout.machine import Outcome, Roll
from deliver.ship.crew import Site, agreed
from deliver.ship.flow import Deployment
from deliver.ship.flow import Request as Shipping
from deliver.upgrade.choice import Choice
from deliver.upgrade.deploy import SLACK, HotDeployment
from deliver.upgrade.deploy import Request as HotRequest
from deliver.upgrade.turn import Ready

if TYPE_CHECKING:
    from deliver.fleet.rolling import Rolling

#: Seconds that a script whose connection was lost may need to leave its host's lock.
SETTLED = 10

#: Strategies that a task has without being told.
_USUAL: Mapping[Task, tuple[Strategy, ...]] = {
    "release": ("auto",),
    "promote": ("auto",),
    "rollback": ("auto",),
    "rolling-restart": ("restart",),
}


@dataclass
class Work:
    """See the module.

    Args:
        rolling: whose work it is.
        plan: what is to be done.
        held: the environment's lock.
        journals: of the hosts.
        story: takes the events.
        roll: the state machine.
    """

    rolling: Rolling
    plan: Plan
    held: Held
    journals: journal.Journals
    story: Story
    roll: Roll
    _has_begun: bool = False
    #: What hosts say of themselves once nothing goes on any more.
    _now: dict[str, Seen[Site]] = field(default_factory=dict)

    def run(self) -> None:
        """Do all of it; see `Rollout.run`."""
        try:
            self._refuse_unhealthy()
            self._ship()
            self._preflight()
        except DeliverError:
            self._look_again()
            raise
        try:
            self._rolled()
        except BaseException as error:
            self._after_failure(error)
            raise

    def _rolled(self) -> None:
        try:
            self.means.hook("before_roll", self._hosts)
            self._once("before")
            self._has_begun = True
            self._drive()
            self._once("after")
            self.means.hook("after_roll", self._hosts)
            self._look_again()
            self._refuse_lost()
        except DeliverError as error:
            self._look_again()
            raise told.failure(error, self.rows(), self.words, is_bad=self.is_bad) from error
        self._note_good()

    def _drive(self) -> None:
        limit = len(self.plan.members) if self.plan.strategy == "cold" else self.rolling.rollout.config.ssh.parallel
        outcome = drive(self.roll, self.hands, self.story, limit)
        if outcome == "interrupted":
            self._look_again()
            raise self.roll.interrupt or KeyboardInterrupt
        if outcome != "done":
            raise self._error(outcome)

    # Before the first host --------------------------------------------------------------------------------------------

    def _refuse_unhealthy(self) -> None:
        order = self.rolling.rollout.order
        if order.unhealthy or order.resumes or all(one.way == "start" for one in self.plan.assignments):
            return
        # One that a roll left in the middle is what this one is there to mend.
        sites = [one.site for one in self.plan.assignments if not one.is_unfinished]
        outcomes = self.rolling.crew.each(sites, self._looked_at)
        wrong = [line for lines in agreed(outcomes) for line in lines]
        if wrong:
            raise NodeError(
                "\n".join(["the fleet is not healthy, and nothing was changed:", *(f"  {one}" for one in wrong)]),
                hint="put that right, or go on all the same with --unhealthy",
            )

    def _looked_at(self, site: Site) -> tuple[str, ...]:
        if site.facts.process is None and not site.facts.permanent:
            return ()  # nothing is there yet, and nothing can be wrong with it
        return tuple(f"{site.name}: {one}" for one in self.means.looked(site))

    def _ship(self) -> None:
        moving = [one for one in self.plan.assignments if one.release is not None and one.moves]
        if not moving:
            return
        rollout = self.rolling.rollout
        hosts = tuple(one.site.host for one in moving)
        shipping = Shipping(self.plan.version, self.plan.environment, hosts, lock_wait=self._lock_wait)
        deployment = Deployment(rollout.config, rollout.store, rollout.report, shipping)
        with self.means.step("ship") as said:
            deployment.bring(self.rolling.crew, [one.site for one in moving])
            said.append(f"{sum(row.sent for row in deployment.rows.values()):,} bytes to {len(moving)} hosts")

    def _preflight(self) -> None:
        """Ask every node that is to be upgraded whether it can be, before the first one is touched."""
        hot = [one for one in self.plan.assignments if one.way == "hot"]
        agreed(self.rolling.crew.each([one.site for one in hot], lambda site: self._asked(self.plan.of(site.name))))

    def _asked(self, assignment: Assignment) -> bool:
        try:
            with ExitStack() as kept:
                self.ready(assignment, kept)
        except TargetError as error:
            error.hint = "put that right, or restart the nodes: the same command with --strategy restart"
            raise
        return True

    def ready(self, assignment: Assignment, kept: ExitStack) -> Ready | None:
        """Make a node ready for its upgrade, under its host's lock; None when there is nothing to do any more.

        Raises:
            TargetError: it cannot be upgraded while it runs.
            LockedError: somebody else is at work there.
        """
        choice = assignment.choice
        if choice is None or choice.step is None:
            return None
        config, order = self.rolling.rollout.config, self.rolling.rollout.order
        found = self._hot.prepared(choice, kept, config.upgrade.timeout + order.probation + SLACK + self._lock_wait)
        return None if isinstance(found, Choice) else found

    @cached_property
    def _hot(self) -> HotDeployment:
        rollout = self.rolling.rollout
        order = rollout.order
        request = HotRequest(
            self.plan.version, order.environment, order.hosts, order.probation, order.unproven, self._lock_wait
        )
        return HotDeployment(rollout.config, rollout.store, rollout.report, request)

    # What it is done with ---------------------------------------------------------------------------------------------

    @cached_property
    def means(self) -> Means:
        """What every change of this roll needs."""
        rollout = self.rolling.rollout
        order = rollout.order
        return Means(
            environment=order.environment,
            app=rollout.config.app,
            version=self.plan.version,
            hosts=tuple(self._hosts),
            report=rollout.report,
            story=self.story,
            crew=self.rolling.crew,
            elsewhere=self.rolling.elsewhere,
            ready=self.ready,
            probation=order.probation,
            lock_wait=self._lock_wait,
            directory=str(rollout.config.file.parent),
        )

    @property
    def _lock_wait(self) -> int:
        return max(self.rolling.rollout.order.lock_wait, SETTLED)

    @property
    def _hosts(self) -> list[Host]:
        return [one.site.host for one in self.plan.assignments]

    @cached_property
    def hands(self) -> FleetHands:
        """Do what the state machine asks for."""
        rollout = self.rolling.rollout
        return FleetHands(self.plan, self.means, rollout.assigner, self.journals, self.held.check, rollout.person)

    # One-time commands ------------------------------------------------------------------------------------------------

    def _once(self, at: Literal["before", "after"]) -> None:
        if self.plan.task not in {"release", "promote"}:
            return
        for name, what in once.due(self.plan.environment, at):
            self._run_once(name, what)

    def _run_once(self, name: str, what: Once) -> None:
        order, app = self.rolling.rollout.order, self.means.app
        content = next(one.release.manifest for one in self.plan.assignments if one.release is not None)
        again = name in order.once_again
        errand = once.Errand(name, what, self.plan.environment, app, self.plan.version, content, again=again)
        sites = {one.name: one.site for one in self.plan.assignments}
        site = sites.get(errand.host.name) or self.means.reach(errand.host)
        with self.means.step("once", errand.host.name) as said:
            came = self.means.again_when_lost(site, lambda one: once.run_once(errand, one.session, self.means.report))
            said.append(f"{name}: {came}")

    # How it ends ------------------------------------------------------------------------------------------------------

    @property
    def words(self) -> Words:
        """The command line, for the commands that go on or back."""
        order = self.rolling.rollout.order
        more = ["--unproven"] if order.unproven else []
        more += [] if order.strategy in _USUAL[self.plan.task] else ["--strategy", order.strategy]
        return Words(self.plan.task, self.plan.environment.name, self.plan.version, order.named, tuple(more))

    @property
    def is_bad(self) -> bool:
        """Whether a host failed with the new version, rather than before it got it."""
        return any(one.touched and not one.is_well for one in self.roll.results.values())

    def rows(self) -> list[Row]:
        """Return what became of each host."""
        return [self._row(one) for one in self.plan.assignments]

    def _look_again(self) -> None:
        """Ask every host what it is: what was true in the middle of a roll need not be so at its end."""
        found = self.rolling.crew.each([one.site for one in self.plan.assignments], self._seen)
        self._now = {one.name: one for one in found}

    def _seen(self, site: Site) -> Site:
        is_silent = self.roll.standings[site.name] == "unknown"
        return self.means.again(site, 0.0 if is_silent else RECONNECT)

    def _refuse_lost(self) -> None:
        lost = [row.host for row in self.rows() if row.state not in told.WELL]
        if lost:
            raise NodeError(f"not as the roll left them any more: {', '.join(lost)}")

    def _row(self, one: Assignment) -> Row:
        row, now = self._row_as_told(one), self._now.get(one.name)
        if now is None:
            return row
        if now.value is None:
            return told.unseen(row)
        return told.seen(row, running_version(now.value), one.version, runs=now.value.facts.process is not None)

    def _row_as_told(self, one: Assignment) -> Row:
        ended = self.hands.ended.get(one.name)
        standing = self.roll.standings[one.name]
        if one.way == "none":
            return Row(one.name, "runs it already", "new", one.old, one.old)
        if ended is None:
            begun = self.roll.states[one.name] != "waiting"
            still = "new" if standing == "old" and not self.plan.version else standing
            runs = "" if begun or still == "down" else one.old
            return Row(one.name, "interrupted" if begun else "not touched", still, one.old, runs)
        measured = (ended.seconds, ended.milliseconds, ended.pause, ended.gap)
        return Row(one.name, ended.state, standing, one.old, ended.version, *measured)

    def _error(self, outcome: Outcome) -> DeliverError:
        if outcome == "declined":
            return DeliverError("stopped as the person said who was asked")
        errors = [one.error for one in self.roll.results.values() if one.error is not None]
        errors += [one.error for one in self.roll.undos.values() if one.error is not None]
        if self.roll.hook_error is not None:
            errors.append(self.roll.hook_error)
        if not errors:
            held = ", ".join(f"{host} (for {mate})" for host, mate in self.roll.held.items())
            return NodeError(f"hosts were left as they are while another one of their zone is out: {held}")
        if len(errors) == 1:
            return errors[0]
        hints = dict.fromkeys(one.hint for one in errors if one.hint)
        worst = max(one.code for one in errors)
        return FleetError("\n".join(one.message for one in errors), hint="\n".join(hints), code=worst)

    def _after_failure(self, error: BaseException) -> None:
        if isinstance(error, KeyboardInterrupt) and self._has_begun:
            rows = self.rows()
            lines = [*told.shown(rows), f"the fleet: {told.fleet(rows)}", f"to go on: {self.words.on()}"]
            self.means.report.warn("\n  ".join(lines))
        try:
            self.means.hook("on_failure", self._hosts)
        except DeliverError as failed:
            self.means.report.warn(f"the hook on_failure failed: {failed.message}")

    def _note_good(self) -> None:
        sites = [one.value for one in self._now.values() if one.value is not None]
        for one in self.rolling.crew.each(sites, self._noted):
            if one.error is not None:
                self.means.report.warn(f"the journal of {one.name} has a gap: {one.error.message}")

    def _noted(self, site: Site) -> bool:
        entry = replace(self.journals.about, action=good.GOOD, outcome="ok", version=self.plan.of(site.name).version)
        journal.append(site.session, site.host, self.means.app, [entry])
        return True
