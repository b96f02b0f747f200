"""A roll under way: the lock taken, bytes shipped, batch after batch, and its end told and kept."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deliver.config.schema import Host
from deliver.errors import DeliverError, TargetError
from deliver.fleet import told
from deliver.fleet.plan import Plan
from deliver.fleet.ways import Target
from deliver.fleet.work import Work
from deliver.remote.session import Session
from deliver.remote.who import ci_page, machine, me
from deliver.report import Report
from deliver.rollout import journal, lock, page, record
from deliver.rollout.elsewhere import Elsewhere
from deliver.rollout.events import Event, Story
from deliver.rollout.machine import Roll
from deliver.ship.crew import Crew, Site, agreed

if TYPE_CHECKING:
    from deliver.fleet.rollout import Rollout

#: The exit code of a failure that nobody foresaw.
UNFORESEEN = 70
#: Steps whose end people are told.
_TOLD = frozenset({"hook", "drain", "upgrade", "stop", "start", "cluster", "undrain"})
#: Seconds from which a step's time is told.
SHOWN = 0.05


@dataclass
class Rolling:
    """One roll, from its lock to its end.

    Args:
        rollout: what is meant; its rows tell what came of it.
        crew: the way to the hosts.
        target: what the hosts are brought to; None for a restart.
    """

    rollout: Rollout
    crew: Crew
    target: Target | None
    elsewhere: Elsewhere = field(init=False)
    _sessions: dict[str, Session] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.elsewhere = Elsewhere(self.crew.connect)

    def run(self, plan: Plan) -> None:
        """Roll, when the plan still holds once the environment is ours; see `Rollout.run`."""
        order = self.rollout.order
        self._sessions = {one.name: one.site.session for one in plan.assignments}
        holder = lock.Holder(order.task, plan.version, order.message)
        app, report = self.rollout.config.app, self.rollout.report
        with lock.held(order.environment, app, holder, self._lock_session, wait=order.lock_wait, report=report) as held:
            sites = agreed(self.crew.each([one.site for one in plan.assignments], self._again))
            now = self.rollout.plan = self.rollout.planned(self.target, sites)
            if not now.is_like(plan):
                raise TargetError(
                    "hosts have changed since the plan was made; nothing was changed by this one",
                    hint="run the same command again, and read its plan",
                )
            self._recorded(now, held)

    # The record of it -------------------------------------------------------------------------------------------------

    def _recorded(self, plan: Plan, held: lock.Held) -> None:
        rollout = self.rollout
        begun = self._run_record(plan)
        kept = record.Record.make(record.place(rollout.config.file), begun, rollout.person.masked, rollout.report)
        about = journal.Entry(plan.task, plan.version, environment=plan.environment.name, run=begun.id)
        journals = journal.Journals(about, rollout.config.app, rollout.report, rollout.person.masked)
        roll = Roll(
            plan.members,
            plan.rolling,
            parallel=len(plan.members) if plan.strategy == "cold" else rollout.config.ssh.parallel,
            undoable=plan.task != "rolling-restart",
        )
        work = Work(self, plan, held, journals, Stories((kept, journals, Narrator(rollout.report))), roll)
        try:
            work.run()
        except BaseException as error:
            self._keep_end(kept, work, error)
            raise
        self._keep_end(kept, work, None)

    def _run_record(self, plan: Plan) -> record.Run:
        members = tuple(
            record.Member(one.name, one.site.host.zone, one.way, one.old, one.version, one.verdict, one.reasons)
            for one in plan.assignments
        )
        return record.Run(
            record.new_id(),
            plan.task,
            self.rollout.config.app,
            plan.environment.name,
            plan.version,
            me(),
            machine(),
            os.getpid(),
            ci_page(),
            command=self.rollout.order.command,
            members=members,
            batches=tuple(batch.hosts for batch in plan.batches),
        )

    def _keep_end(self, kept: record.Record, work: Work, error: BaseException | None) -> None:
        rows = self.rollout.rows = work.rows()
        hosts = tuple(record.Ended(row.host, row.standing, row.version, row.version) for row in rows)
        outcome, code, text = _ending(error)
        mend = told.mend(rows, work.words, is_bad=work.is_bad) if error else ""
        kept.end(record.End(outcome, code, text, mend, hosts, told.fleet(rows)))
        self._write_page(kept)

    def _write_page(self, kept: record.Record) -> None:
        path = kept.directory / "report.html"
        try:
            path.write_text(page.page(record.read(kept.path)), "utf-8")
            self.rollout.page = path
        except (OSError, DeliverError) as error:
            self.rollout.report.warn(f"there is no report of this roll: {error}")

    # Hosts ------------------------------------------------------------------------------------------------------------

    def _again(self, site: Site) -> Site:
        return site.again(self.rollout.config.app)

    def _lock_session(self, host: Host) -> Session:
        # Asked for again, it is one that was lost.
        return self._sessions.pop(host.name, None) or self.crew.connect(host)


def _ending(error: BaseException | None) -> tuple[str, int, str]:
    """Return the outcome of a roll in a word, its exit code, and what went wrong."""
    if error is None:
        return "done", 0, ""
    if isinstance(error, DeliverError):
        return "failed", error.code, error.message
    name = str(error) or type(error).__name__
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", 128 + getattr(error, "number", signal.SIGINT), name
    return "failed", UNFORESEEN, name


@dataclass(frozen=True)
class Stories:
    """Tells every event to several who listen."""

    listeners: Sequence[Story]

    def tell(self, event: Event) -> None:
        """Take one."""
        for one in self.listeners:
            one.tell(event)


@dataclass(frozen=True)
class Narrator:
    """Tells people the events that they wait for; how a host ends is told by others."""

    report: Report

    def tell(self, event: Event) -> None:
        """Take one."""
        took = f" ({event.seconds:.1f} s)" if event.seconds >= SHOWN else ""
        if event.step == "batch" and event.kind == "began":
            self.report.step(f"batch {event.batch}", event.text)
        elif event.kind == "ended" and event.text and event.step in _TOLD:
            self.report.step(event.host or event.step, f"{event.text}{took}")
        elif event.kind == "note" and event.text:
            self.report.step(event.host or event.step, event.text)
