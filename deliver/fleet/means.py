"""What the changes of a roll are done with: one object for all of its hosts, safe to use from several threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TypeVar

from deliver.config.schema import Environment, Host, Occasion
from deliver.errors import DeadlineError, DeliverError, RemoteError, UnreachableError
from deliver.fleet.ways import Assignment
from deliver.remote.connect import LOST, RECONNECT, patiently
from deliver.remote.session import Session
from deliver.report import Report
from deliver.rollout import cluster
from deliver.rollout.drain import Place, drain, undrain
from deliver.rollout.elsewhere import Elsewhere
from deliver.rollout.events import Event, Step, Story
from deliver.rollout.health import look, stay_healthy
from deliver.rollout.hooks import Setting, run_hook
from deliver.ship.crew import Crew, Site, agreed
from deliver.upgrade.turn import Ready

T = TypeVar("T")

#: How often something is tried whose connection is lost.
TRIES = 3


def has_lost(error: DeliverError) -> bool:
    """Whether an error says that a connection was lost, and not that something took too long."""
    return isinstance(error, UnreachableError) or (isinstance(error, DeadlineError) and error.status == -1)


def _told(error: BaseException) -> str:
    """Return what a record keeps of an error: also what the host said, where that is not in the message."""
    if not isinstance(error, DeliverError):
        return type(error).__name__
    said = error.output.splitlines() if isinstance(error, RemoteError) else []
    more = [line for line in said if line.strip() and line.removeprefix("deliver: ") not in error.message]
    return "\n".join([error.message, *(f"  | {line}" for line in more)])


@dataclass(frozen=True)
class Means:
    """See the module.

    Args:
        environment: the hosts'.
        app: the release's name.
        version: that the roll is about, for hooks; empty for none.
        hosts: all that are meant.
        report: hears of each step.
        story: takes the events.
        crew: connects to hosts.
        elsewhere: lends sessions to hosts that are none of the roll's.
        ready: makes a host ready for its upgrade; None when there is nothing to do on it any more.
        probation: seconds to watch an upgraded node before its version becomes permanent.
        lock_wait: seconds to wait for a host's lock.
        directory: where command lines run on the operator's machine.
    """

    environment: Environment
    app: str
    version: str
    hosts: tuple[Host, ...]
    report: Report
    story: Story
    crew: Crew
    elsewhere: Elsewhere
    ready: Callable[[Assignment, ExitStack], Ready | None]
    probation: float
    lock_wait: int = 0
    directory: str = ""

    # Telling ----------------------------------------------------------------------------------------------------------

    @contextmanager
    def step(self, step: Step, host: str = "", batch: int = 0) -> Iterator[list[str]]:
        """Tell that a step begins, and how it ends; what it came to is put into the list."""
        began, told = time.monotonic(), list[str]()
        self.story.tell(Event(step, "began", host, batch))
        try:
            yield told
        except BaseException as error:
            self.story.tell(Event(step, "failed", host, batch, time.monotonic() - began, _told(error)))
            raise
        self.story.tell(Event(step, "ended", host, batch, time.monotonic() - began, "; ".join(told)))

    def note(self, step: Step, host: str, batch: int, text: str) -> None:
        """Tell something besides."""
        self.story.tell(Event(step, "note", host, batch, text=text))

    # Reaching ---------------------------------------------------------------------------------------------------------

    def reach(self, host: Host) -> Site:
        """Connect to a host anew."""
        return agreed(self.crew.reach([host]))[0]

    def again(self, site: Site, patience: float = RECONNECT) -> Site:
        """Return a host as it is now, over a new connection when the old one is gone.

        Args:
            site: the host.
            patience: seconds within which it must answer again.

        Raises:
            UnreachableError: it does not.
        """
        try:
            return self.renewed(site)
        except LOST:
            return patiently(lambda: self.reach(site.host), patience)

    def renewed(self, site: Site) -> Site:
        """Return a host as it is now, over the same connection."""
        return site.again(self.app)

    def again_when_lost(self, site: Site, work: Callable[[Site], T]) -> tuple[Site, T]:
        """Do what may be done again, over a new connection when the old one is lost, now or while nobody needed it.

        Returns:
            The host as it was last reached, and what `work` did.
        """
        for _ in range(TRIES - 1):
            try:
                return site, work(site)
            except DeliverError as error:
                if not has_lost(error):
                    raise
            site = self.again(site)
        return site, work(site)

    # Around a change --------------------------------------------------------------------------------------------------

    def hook(self, occasion: Occasion, hosts: Sequence[Host], batch: int = 0) -> None:
        """Run the hook of an occasion, where there is one."""
        if occasion not in self.environment.hooks:
            return
        setting = Setting(self.environment, self.app, self.version, self._session, self.report, self.directory)
        with self.step("hook", hosts[0].name if occasion.endswith("_host") else "", batch) as told:
            told.append(run_hook(setting, occasion, hosts))

    def looked(self, site: Site) -> list[str]:
        """Return why a host is not healthy as it is."""
        return look(site.session, site.host, self.environment, self.app, "", directory=self.directory)

    def healthy(self, site: Site, version: str, batch: int) -> None:
        """Return once a host has been healthy for long enough."""
        with self.step("health", site.name, batch):
            stay_healthy(
                site.session,
                site.host,
                self.environment,
                self.app,
                version,
                note=lambda text: self.note("health", site.name, batch, text),
                reconnect=lambda: self.reach(site.host).session,
                directory=self.directory,
            )

    def drain(self, site: Site, batch: int) -> Site:
        """Take a host out of service; return it as it was last reached."""
        if self.environment.drain.is_set:
            with self.step("drain", site.name, batch) as told:
                site, came = self.again_when_lost(site, lambda one: drain(self._place(one)))
                told.append(came)
        return site

    def undrain(self, site: Site, batch: int, *, is_well: bool) -> Site:
        """Bring a host back into service; return it as it was last reached."""
        if self.environment.drain.is_set:
            with self.step("undrain", site.name, batch) as told:
                site, came = self.again_when_lost(site, lambda one: undrain(self._place(one), expect_up=is_well))
                told.append(came)
        return site

    def around(self, site: Site) -> frozenset[str]:
        """Return the nodes that a host's node is connected to, when they form a cluster."""
        if not self.environment.cluster or site.facts.node is None:
            return frozenset()
        return cluster.members(site.session, site.host, self.app)

    def joined(self, site: Site, expected: frozenset[str], batch: int) -> None:
        """Return once a host's node is back among those."""
        if expected:
            with self.step("cluster", site.name, batch) as told:
                told.append(
                    cluster.rejoin(
                        site.session,
                        site.host,
                        self.environment,
                        self.app,
                        expected,
                        reconnect=lambda: self.reach(site.host).session,
                    )
                )

    def _place(self, site: Site) -> Place:
        return Place(site.session, site.host, self.environment, self.app, self.elsewhere, self.version, self.directory)

    def _session(self, host: Host) -> Session:
        return self.reach(host).session
