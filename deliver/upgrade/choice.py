"""Which pair brings a node from what it runs to what it should run, and whether it may be used."""

from __future__ import annotations

from dataclasses import dataclass

from deliver.errors import TargetError, UsageError
from deliver.otp.release import Release
from deliver.otp.upgrade.pair import Pair
from deliver.ship.crew import Site
from deliver.store.store import Store
from deliver.upgrade.upgrader import Step


@dataclass(frozen=True)
class Choice:
    """What is to be done with one node.

    Args:
        site: its host.
        runs: the version that it runs.
        version: the one that it is to run.
        step: from one to the other; None when it runs it already.
    """

    site: Site
    runs: str
    version: str
    step: Step | None

    @property
    def is_installed(self) -> bool:
        """Whether the host has the version already."""
        present = self.site.facts.has(self.version)
        return present is not None and bool(present.manifest)


def choose(store: Store, app: str, site: Site, version: str, *, unproven: bool = False) -> Choice:
    """Choose the pair for a node.

    Raises:
        TargetError: the node does not run, or no proven pair leads from what it runs to the version.
    """
    runs = running(site)
    if runs == version:
        return Choice(site, runs, version, None)
    known = store.releases(app)
    old, new = _fitting(known, site, runs), _fitting(known, site, version)
    pair = store.pair(app, runs, version, new.target) or store.pair(app, version, runs, new.target)
    if pair is None or not _is_of(pair, old, new):
        raise TargetError(
            f"{site.name} runs {runs}, and the store has no upgrade from there to {version}",
            hint=f"make it: invoke build-upgrade --from {runs} --to {version}",
        )
    _refuse_unproven(site, pair, version, unproven=unproven)
    return Choice(site, runs, version, Step(pair, old, new))


def previous(store: Store, app: str, site: Site) -> str:
    """Return the version from which a proven pair led to what a node runs, and that its host still has.

    Raises:
        UsageError: there is none, or more than one.
        TargetError: the node does not run.
    """
    runs = running(site)
    pairs = [one for one in store.pairs(app) if one.to_version == runs and site.facts.has(one.from_version)]
    found = sorted({one.from_version for one in pairs})
    if len(found) == 1:
        return found[0]
    raise UsageError(
        f"{site.name} runs {runs}, and {'several versions' if found else 'no version there'} can be the one before",
        hint=f"say which with --version: {', '.join(found)}" if found else "say which with --version",
    )


def running(site: Site) -> str:
    """Return the version that a node runs.

    Raises:
        TargetError: it does not run, or does not answer.
    """
    node = site.facts.node
    if node is None:
        why = site.facts.silence or "the node does not run"
        raise TargetError(f"{site.name}: {why}", hint="only a running node can be upgraded; start it with: start")
    return node.current


def _fitting(known: list[Release], site: Site, version: str) -> Release:
    found = [one for one in known if one.version == version and one.target.arch == site.facts.target.arch]
    if not found:
        raise TargetError(f"{site.name}: the store has no {version} for {site.facts.target}")
    return found[-1]


def _is_of(pair: Pair, old: Release, new: Release) -> bool:
    return {pair.from_manifest, pair.to_manifest} == {old.manifest, new.manifest}


def _refuse_unproven(site: Site, pair: Pair, version: str, *, unproven: bool) -> None:
    up = pair.to_version == version
    if pair.verdict == "hot" or (up and pair.verdict == "hot, no way back"):
        return
    if unproven and "relup" in pair.files:
        return
    why = "".join(f"\n  {one}" for one in pair.reasons)
    raise TargetError(
        f"{site.name}: the verdict on {pair.from_version}..{pair.to_version} is `{pair.verdict}`:{why}",
        hint=f"restart the nodes instead: invoke deploy-release --version {version} --to ENVIRONMENT --start",
    )
