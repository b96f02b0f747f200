"""Which way each host goes: from what it runs, and what the store can prove."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from deliver.errors import TargetError
from deliver.otp.release import Release
from deliver.rollout.events import Way
from deliver.rollout.journal import Entry, parsed
from deliver.ship.crew import Site
from deliver.ship.flow import fitting
from deliver.store.store import Store
from deliver.upgrade.choice import Choice, choose

Strategy = Literal["auto", "hot", "restart", "cold"]


@dataclass(frozen=True)
class Target:
    """What the hosts are to run.

    Args:
        version: the version.
        builds: of it, one for each kind of host.
    """

    version: str
    builds: tuple[Release, ...]


@dataclass(frozen=True)
class Assignment:
    """What is to be done with one host.

    Args:
        site: the host.
        way: how it gets to the version.
        old: the version that it runs, or would boot; empty for none.
        version: the one that it is to run.
        release: that version's build for it; None when it only restarts what it has.
        reasons: why it goes this way, where that is not the gentlest.
        choice: the upgrade, for the hot way.
    """

    site: Site
    way: Way
    old: str
    version: str
    release: Release | None = None
    reasons: tuple[str, ...] = ()
    choice: Choice | None = None

    @property
    def name(self) -> str:
        """The host's name."""
        return self.site.name

    @property
    def rolled(self) -> Entry | None:
        """How the last roll went there; None when there was none."""
        return parsed(self.site.facts.rolled)

    @property
    def is_unfinished(self) -> bool:
        """Whether a roll left the host in the middle of its change: it may be out of service, or not healthy."""
        return self.rolled is not None and self.rolled.outcome != "ok"

    @property
    def moves(self) -> bool:
        """Whether what the host runs changes."""
        return self.way not in {"none", "finish"}

    def at(self, site: Site, *, resumes: bool = False) -> Assignment:
        """Return it for the host as it was last asked, or for what is left of its upgrade."""
        choice = self.choice and replace(self.choice, site=site, resumes=resumes or self.choice.resumes)
        return replace(self, site=site, choice=choice)

    def settled(self) -> Assignment:
        """Return it as it is for a host that runs what it should."""
        return replace(self, way="finish" if self.is_unfinished else "none")

    @property
    def verdict(self) -> str:
        """What the rehearsal of its upgrade found; empty when there is none."""
        return self.choice.step.pair.verdict if self.choice and self.choice.step else ""


@dataclass(frozen=True)
class Assigner:
    """Decides for each host.

    Args:
        store: has the releases and the pairs.
        app: the release's name.
        environment: its name, for hints.
        strategy: which ways are allowed.
        unproven: whether a pair that is not proven may be used.
    """

    store: Store
    app: str
    environment: str
    strategy: Strategy = "auto"
    unproven: bool = False

    def assign(self, site: Site, target: Target) -> Assignment:
        """Return the gentlest way for a host.

        Raises:
            TargetError: it cannot run the version, or not in the way that the strategy wants.
        """
        old = running_version(site) or site.facts.permanent
        if not target.builds:
            return _foreseen(site, target.version, old)
        release = fitting(site.facts, target.builds)
        if _is_there(site, release):
            return Assignment(site, "none", old, target.version, release).settled()
        if site.facts.process is None:
            return Assignment(site, "start", old, target.version, release)
        if self.strategy in {"restart", "cold"}:
            return Assignment(site, "restart", old, target.version, release, ("asked for",))
        return self._hot(site, target, release, old)

    def _hot(self, site: Site, target: Target, release: Release, old: str) -> Assignment:
        try:
            choice = choose(self.store, self.app, site, target.version, self.environment, unproven=self.unproven)
        except TargetError as error:
            if self.strategy == "hot":
                raise
            return Assignment(site, "restart", old, target.version, release, (_reason(site, error),))
        found = Assignment(site, "hot", old, target.version, release, choice=choice)
        return found if choice.step else found.settled()


def restarts(sites: Sequence[Site]) -> list[Assignment]:
    """Return a restart of every host into what it boots.

    Raises:
        TargetError: nothing is installed on one.
    """
    return [_restart(site) for site in sites]


def running_version(site: Site) -> str:
    """Return the version that a host runs; empty when it runs none, or does not tell."""
    node, process = site.facts.node, site.facts.process
    return (node.current if node else "") or (process.version if process else "")


def _foreseen(site: Site, version: str, old: str) -> Assignment:
    """Return what can be said before there is a build of the version."""
    if site.facts.process is None:
        return Assignment(site, "start", old, version)
    if old == version:
        return Assignment(site, "none", old, version)
    return Assignment(site, "hot", old, version, reasons=("if its rehearsal proves it, else a restart",))


def _reason(site: Site, error: TargetError) -> str:
    """Return an error in one line that does not name its host."""
    return " ".join(error.message.replace(":\n", ": ").replace("\n", "; ").split()).removeprefix(f"{site.name}: ")


def _restart(site: Site) -> Assignment:
    boots = site.facts.permanent
    if not boots:
        raise TargetError(f"{site.name}: nothing is installed there", hint="bring a version there with: release")
    way: Way = "restart" if site.facts.process else "start"
    return Assignment(site, way, running_version(site) or boots, boots)


def _is_there(site: Site, release: Release) -> bool:
    """Whether a host runs and boots exactly this."""
    node, present = site.facts.node, site.facts.has(release.version)
    if node is None or not node.booted or present is None or present.manifest not in {"", release.manifest}:
        return False
    return {node.current, site.facts.permanent, node.permanent or node.current} == {release.version}
