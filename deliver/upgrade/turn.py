"""The change of one node, to a known end: upgraded, taken back, restarted, or as far as somebody can tell."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from deliver.config.schema import Environment, Host
from deliver.errors import DeliverError, NodeError, RestartedError
from deliver.node.agent import Standing
from deliver.node.control import start, stop
from deliver.otp.upgrade.check import Expected, check
from deliver.otp.upgrade.pauses import pauses
from deliver.otp.upgrade.snapshot import Snapshot
from deliver.otp.upgrade.tree import ended_children
from deliver.remote.connect import LOST, patiently
from deliver.report import Report
from deliver.ship.crew import Site
from deliver.upgrade.choice import Choice
from deliver.upgrade.upgrader import Change, Step, Upgrader

State = Literal["upgraded", "downgraded", "unchanged", "taken back", "restarted", "unfinished", "down", "unknown"]


@dataclass(frozen=True)
class Ended:
    """How it ended.

    Args:
        state: in a word; `unfinished` for a node that runs the new version and boots the old one.
        version: that the node runs; empty when nobody knows, or none.
        milliseconds: that `release_handler` took.
        pause: the most milliseconds that a process stood still for it; 0 when none did.
        error: what went wrong; None when nothing did.
    """

    state: State
    version: str
    milliseconds: int = 0
    pause: float = 0.0
    error: DeliverError | None = None


@dataclass(frozen=True)
class Ready:
    """A node that can be changed.

    Args:
        choice: what is to be done.
        step: the change.
        upgrader: does it, under the host's lock.
        fresh: a node freshly booted from either version.
        incarnation: the node's, before it.
    """

    choice: Choice
    step: Step
    upgrader: Upgrader
    fresh: dict[str, Snapshot]
    incarnation: str


@dataclass
class Turn:
    """The change of one node.

    Args:
        ready: the node.
        environment: its host's.
        probation: seconds to watch it before its version becomes permanent.
        report: hears of warnings.
        reach: connects to a host anew.
    """

    ready: Ready
    environment: Environment
    probation: float
    report: Report
    reach: Callable[[Host], Site]
    _commits: bool = False
    _goes_back: bool = False
    _milliseconds: int = 0
    _pause: float = 0.0

    def run(self) -> Ended:
        """Change the node, check it, watch it, and make its version permanent; or bring it to rest."""
        try:
            change = self._change()
            wrong = self._wrong(self.ready.step, change)
            if not wrong and self.probation:
                time.sleep(self.probation)
                wrong = self._wrong(self.ready.step, replace(change, after=self.ready.upgrader.look()))
            if wrong:
                return self._taken_back(wrong)
            self._commit()
        except DeliverError as error:
            return self._settled(error)
        return self._done()

    def _change(self) -> Change:
        upgrader, choice = self.ready.upgrader, self.ready.choice
        if choice.resumes:
            upgrader.agent.watch(upgrader.salt)
            now = upgrader.look()
            return Change(now, now, 0)
        change = upgrader.change(self.ready.step)
        self._milliseconds = change.milliseconds
        self._pause = max((one.milliseconds for one in pauses(change.after)), default=0.0)
        return change

    def _commit(self) -> None:
        self._commits = True
        for one in self.ready.upgrader.commit(self.ready.step):
            who, modules = one.get("name") or one.get("pid"), ", ".join(one.get("modules", ()))
            self.report.warn(f"{self._name}: {who} ran old code of {modules} until now, and was ended for it")

    def _wrong(self, step: Step, change: Change) -> list[str]:
        old, new = (self.ready.fresh[one.version] for one in (step.old, step.new))
        ended, skipped = (*ended_children(old.tree, new.tree), *step.pair.ended), step.pair.skipped
        expected = Expected(new, change.before, ended, elsewhere=True, skipped=skipped, asked=step.pair.asked)
        findings = list(check(change.after, expected))
        for one in findings:
            if one.level == "warning":
                self.report.warn(f"{self._name}: {one.about}: {one.text}")
        return [f"{one.about}: {one.text}" for one in findings if one.level == "error"]

    def _done(self) -> Ended:
        step = self.ready.step
        return Ended("upgraded" if step.is_up else "downgraded", step.new.version, self._milliseconds, self._pause)

    # What went wrong --------------------------------------------------------------------------------------------------

    def _taken_back(self, wrong: list[str]) -> Ended:
        step = self.ready.step
        text = "\n".join([f"{self._name}: {step.new.version} is not right there:", *(f"  {one}" for one in wrong)])
        if step.pair.verdict != "hot":
            return self._restarted(text)
        self._goes_back = True
        try:
            back = Step(step.pair, step.new, step.old)
            still = self._wrong(back, self.ready.upgrader.change(back))
        except DeliverError as error:
            return self._settled(_like(error, f"{text}\nand going back failed: {error.message}"))
        if still:
            return self._restarted("\n".join([text, "and going back did not go well:", *(f"  {one}" for one in still)]))
        self._leave()
        told = f"{text}\nthe node was taken back to {step.old.version}, without a restart"
        return Ended("taken back", step.old.version, self._milliseconds, error=NodeError(told))

    def _restarted(self, text: str) -> Ended:
        upgrader, app = self.ready.upgrader, self.ready.step.new.name
        site = self.ready.choice.site
        try:
            stop(upgrader.session, site.host, self.environment, app, kill=True, lock_as=upgrader.lock_as)
            runs = self._started()
        except DeliverError as error:
            return self._lost(text, error)
        told = f"{text}\nthe node was restarted, and runs {runs}: what it held in memory is gone"
        return Ended("restarted", runs, self._milliseconds, error=RestartedError(told))

    def _settled(self, error: DeliverError) -> Ended:
        """Tell where a node stands after an error, when it has come to rest."""
        try:
            standing = self._standing()
        except DeliverError as silent:
            return self._lost(error.message, silent)
        if standing.current == self.ready.step.new.version:
            return self._new(error, standing)
        self._leave()
        if standing.incarnation == self.ready.incarnation:
            told = f"{error.message}; the node runs {standing.current}, as before"
            return Ended("unchanged", standing.current, error=_like(error, told))
        told = f"{error.message}\nthe node has restarted, and runs {standing.current}: what it held in memory is gone"
        return Ended("restarted", standing.current, error=RestartedError(told, hint=error.hint))

    def _new(self, error: DeliverError, standing: Standing) -> Ended:
        if self._commits and standing.permanent == standing.current:
            self.report.warn(f"{error.message}; but {standing.current} runs there, and is what it boots")
            return self._done()
        if self._goes_back and not isinstance(error, LOST):
            return self._restarted(error.message)
        if not self._commits and not isinstance(error, LOST):
            return self._taken_back([error.message])
        told = f"{error.message}\nthe node runs {standing.current}, and would still boot {standing.permanent}"
        return Ended("unfinished", standing.current, self._milliseconds, error=_like(error, told))

    def _standing(self) -> Standing:
        try:
            return self._asked()
        except LOST:
            upgrader = self.ready.upgrader
            upgrader.session = patiently(lambda: self.reach(self.ready.choice.site.host)).session
            upgrader.agent = replace(upgrader.agent, session=upgrader.session)
            return self._asked()

    def _asked(self) -> Standing:
        # One that restarts, or has crashed, is waited for; who starts it first does not matter.
        self._started()
        return self.ready.upgrader.agent.standing()

    def _started(self) -> str:
        upgrader, site = self.ready.upgrader, self.ready.choice.site
        app = self.ready.step.new.name
        return start(upgrader.session, site.host, self.environment, app, lock_as=upgrader.lock_as).version

    def _lost(self, text: str, error: DeliverError) -> Ended:
        if isinstance(error, LOST):
            told = f"{text}\nwhat the node runs now is not known: {error.message}"
            return Ended("unknown", "", self._milliseconds, error=_like(error, told))
        told = f"{text}\nthe node does not come up: {error.message}"
        return Ended("down", "", self._milliseconds, error=NodeError(told, hint=error.hint))

    def _leave(self) -> None:
        try:
            self.ready.upgrader.agent.leave()
        except DeliverError as error:
            self.report.warn(f"{self._name}: what asks the node is still in it: {error.message}")

    @property
    def _name(self) -> str:
        return self.ready.choice.site.name


def _like(error: DeliverError, message: str) -> DeliverError:
    error.message = message
    return error
