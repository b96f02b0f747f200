"""The change of one host in a roll, from its drain to its health, by whichever way; the way back is another one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from threading import Barrier, BrokenBarrierError

from deliver.errors import DeliverError, LockedError, NodeError
from deliver.fleet.means import Means, has_lost
from deliver.fleet.ways import Assignment, running_version
from deliver.node.control import start, stop
from deliver.otp.release import Release
from deliver.otp.upgrade.pauses import held
from deliver.remote.connect import LOST
from deliver.rollout.events import Result, Standing
from deliver.ship.crew import Site
from deliver.ship.start import activate
from deliver.upgrade.turn import Ended, Ready, Turn

#: How often a restart is tried, when connections are lost: at any of its steps, and more than once.
ATTEMPTS = 5
#: Seconds beyond `stop_timeout` for the others of a cold roll to have stopped.
GATE = 60.0


@dataclass
class HostChange:
    """One host on its way.

    Args:
        assignment: what is to be done.
        means: what that needs.
        batch: which batch it belongs to, from 1.
        gate: where all hosts of a cold roll meet once they have stopped.
        mates: names of the nodes that are changed at the same time.
        is_undo: whether it is the way back: a node that does not answer is killed for it.
        site: the host, as it was last asked.
        state: how it was changed, or how its upgrade failed, in a word.
        milliseconds: that `release_handler` took.
        pause: the most milliseconds that a process stood still for an upgrade.
        gap: seconds that the host was out of service for a restart: from its drain until it was healthy, and back.
    """

    assignment: Assignment
    means: Means
    batch: int = 0
    gate: Barrier | None = None
    mates: frozenset[str] = frozenset()
    is_undo: bool = False
    site: Site = field(init=False)
    state: str = "failed"
    milliseconds: int = 0
    pause: float = 0.0
    gap: float = 0.0
    _touched: bool = False
    _is_stopped: bool = False
    _is_out: bool = False
    _drained_at: float = 0.0

    def __post_init__(self) -> None:
        self.site = self.assignment.site
        self._is_out = self.assignment.is_unfinished  # or so it may be
        self._going = {"restart": "restarted", "start": "started"}.get(self.assignment.way, "runs it already")

    def run(self) -> Result:
        """Change the host; whatever happens, tell what it is then."""
        try:
            self.means.hook("before_host", [self.site.host], self.batch)
            with self._back_in_service():
                self._change()
            self.means.hook("after_host", [self.site.host], self.batch)
        except DeliverError as error:
            return self._failed(error)
        self.state = self._going
        return Result(self.name, "new", self.assignment.version)

    def left(self, error: DeliverError) -> Result:
        """Return how it ended when it could not even begin."""
        assignment = self.assignment
        if isinstance(error, LOST):
            return Result(self.name, "unknown", "", error, touched=False)
        standing: Standing = "down" if assignment.way == "start" else "old" if assignment.moves else "new"
        return Result(self.name, standing, "" if standing == "down" else assignment.old, error, touched=False)

    @property
    def name(self) -> str:
        """The host's name."""
        return self.assignment.name

    def _change(self) -> None:
        around = self.means.around(self.site) - self.mates
        if self.assignment.way == "hot":
            self._upgrade()
        elif self.assignment.moves:
            self._restart()
        self.means.healthy(self.site, self.assignment.version, self.batch)
        self.means.joined(self.site, around, self.batch)

    # Without a restart ------------------------------------------------------------------------------------------------

    def _upgrade(self) -> None:
        with self.means.step("upgrade", self.name, self.batch) as told:
            ended = self._turned()
            if ended.state == "unfinished" and isinstance(ended.error, LOST):
                self.means.report.warn(f"{ended.error.message}; going on with it")
                self.site = self.means.again(self.site)
                ended = self._turned(resumes=True)
            self._touched = ended.state != "unchanged"
            self.milliseconds, self.pause = ended.milliseconds, ended.pause
            if ended.error is not None:
                # Restarted is what an upgrade must not do, and what the other way is meant to.
                self.state = "failed" if ended.state == "restarted" else ended.state
                raise ended.error
            if ended.state == "unchanged":
                told.append(f"runs {ended.version} already")
                return
            self._going = ended.state
            way = f"{ended.state} from {self.assignment.old} to {ended.version}"
            told.append(f"{way}, {ended.milliseconds} ms; {held(ended.pause)}")

    def _turned(self, *, resumes: bool = False) -> Ended:
        """Upgrade the node, or only see to the end of what was begun; `unfinished` may be gone on with."""
        means = self.means
        with ExitStack() as kept:
            ready = self._ready(kept, resumes=resumes)
            if ready is None:
                return Ended("unchanged", self.assignment.version)
            return Turn(ready, means.environment, means.probation, means.report, means.reach).run()

    def _ready(self, kept: ExitStack, *, resumes: bool) -> Ready | None:
        try:
            return self.means.ready(self.assignment.at(self.site, resumes=resumes), kept)
        except LOST:  # nothing was changed yet
            self.site = self.means.again(self.site)
            return self.means.ready(self.assignment.at(self.site, resumes=resumes), kept)

    # With one ---------------------------------------------------------------------------------------------------------

    def _restart(self) -> None:
        if self.assignment.way == "restart":
            self._is_out, self._drained_at = True, time.monotonic()
            self.site = self.means.drain(self.site, self.batch)
        if self.gate is not None:
            self._stop_with_all(self.gate)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._start_anew()
                break
            except LOST as error:
                if attempt == ATTEMPTS or not has_lost(error):
                    raise
                # What was asked for may have been done, or not; each of its steps may be run twice.
                self.means.report.warn(f"{error.message}; looking what became of it")
                self.site = self.means.again(self.site)

    def _start_anew(self) -> None:
        release = self.assignment.release
        if release is not None:
            self._activate(release)
        self._touched = True
        if release is None or not self._is_there:
            self._stop()
        with self.means.step("start", self.name, self.batch) as told:
            started = start(self.site.session, self.site.host, self.means.environment, self.means.app)
            told.append(f"started, runs {started.version}")
        self.site = self.means.renewed(self.site)
        if self.assignment.way == "restart" and not self._is_stopped:
            self._going = "runs it already"  # an earlier roll ended before it was stopped
        if running_version(self.site) != self.assignment.version:
            raise NodeError(
                f"{self.name}: the node runs {running_version(self.site)}, not {self.assignment.version}",
                hint="somebody else has started it meanwhile: look with `status`",
            )

    def _activate(self, release: Release) -> None:
        before = self._touched
        self._touched = True
        try:
            activate(self.site, release, self.means.lock_wait)
        except LockedError:
            self._touched = before
            raise

    @property
    def _is_there(self) -> bool:
        node = self.site.facts.node
        return node is not None and node.booted and node.current == self.assignment.version

    def _stop(self) -> None:
        if self.site.facts.process is None:
            return
        site, means = self.site, self.means
        self._is_stopped = True  # or so it may be, when the connection is lost
        with means.step("stop", self.name, self.batch) as told:
            kill = self.is_undo or site.facts.node is None
            told.append(stop(site.session, site.host, means.environment, means.app, kill=kill).how)
        self.site = replace(site, facts=replace(site.facts, process=None, node=None))

    def _stop_with_all(self, gate: Barrier) -> None:
        """Stop, and wait until all others have; when one could not, nobody changes."""
        self._touched = True
        try:
            self._stop()
            gate.wait(self.means.environment.stop_timeout + GATE)
        except BrokenBarrierError:
            start(self.site.session, self.site.host, self.means.environment, self.means.app)
            text = f"{self.name}: another host did not stop, and so this one was started again as it was"
            raise NodeError(text) from None
        except DeliverError:
            gate.abort()
            raise

    # How it ends ------------------------------------------------------------------------------------------------------

    @contextmanager
    def _back_in_service(self) -> Iterator[None]:
        """Bring the host back into service on every way out; what checks it there decides whether it gets work."""
        try:
            yield
        except BaseException:
            self._undrain_after_failure()
            raise
        if self._is_out or self.assignment.way == "start":
            # One that was down may have been taken out by a roll that ended in the middle, or not be seen up yet.
            self.site = self.means.undrain(self.site, self.batch, is_well=True)
        if self._drained_at:
            self.gap = time.monotonic() - self._drained_at
            self.means.note("undrain", self.name, self.batch, f"out of service for {self.gap:.1f} s")

    def _undrain_after_failure(self) -> None:
        if not self._is_out:
            return
        try:
            self.site = self.means.undrain(self.site, self.batch, is_well=False)
        except DeliverError as error:
            self.means.report.warn(f"{self.name} is still out of service: {error.message}")

    def _failed(self, error: DeliverError) -> Result:
        standing, version = self._standing()
        return Result(self.name, standing, version, error, touched=self._touched)

    def _standing(self) -> tuple[Standing, str]:
        """Ask what the host is now; it may take a moment to answer again."""
        try:
            self.site = self.means.again(self.site)
        except DeliverError:
            return "unknown", ""
        if self.site.facts.process is None:
            return "down", ""
        version = running_version(self.site)
        return ("new" if version == self.assignment.version else "old"), version
