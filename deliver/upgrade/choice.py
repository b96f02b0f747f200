"""Which pair brings a node from what it runs to what it should run, and whether it may be used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deliver.errors import TargetError, UsageError
from deliver.node.facts import NodeState
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
        step: from one to the other; None when there is nothing to do.
        resumes: whether it runs the version already, and has only to be checked and to boot it: an earlier try ended
            before that.
    """

    site: Site
    runs: str
    version: str
    step: Step | None
    resumes: bool = False

    @property
    def ships(self) -> Iterator[Release]:
        """Releases that the host has to have, as deliver installs them, and has not."""
        for release in (self.step.old, self.step.new) if self.step else ():
            present = self.site.facts.has(release.version)
            if present is None or not present.manifest:
                yield release


def choose(store: Store, app: str, site: Site, version: str, environment: str, *, unproven: bool = False) -> Choice:
    """Choose the pair for a node of an environment.

    Raises:
        UsageError: the store does not have the version.
        TargetError: the node does not run, or no proven pair leads from what it runs to the version.
    """
    node = running(site)
    resumes = node.current == version
    origin = _unfinished(site, node) if resumes else node.current
    if not origin:
        return Choice(site, node.current, version, None)
    known = store.releases(app)
    if all(one.version != version for one in known):
        store.find(app, version)
    old, new = _fitting(known, site, origin), _fitting(known, site, version)
    pair = store.pair(app, origin, version, new.target) or store.pair(app, version, origin, new.target)
    if pair is None or not _is_of(pair, old, new):
        raise _without_pair(site, origin, version, pair, resumes=resumes)
    up = pair.to_version == version
    is_proven = pair.verdict == "hot" or (up and pair.verdict == "hot, no way back")
    if not is_proven and not (unproven and "relup" in pair.files):
        raise _unproven(site, pair, version, environment)
    return Choice(site, node.current, version, Step(pair, old, new), resumes)


def previous(store: Store, app: str, site: Site) -> str:
    """Return the version from which a proven pair led to what a node runs, and that its host still has.

    Raises:
        UsageError: there is none, or more than one.
        TargetError: the node does not run.
    """
    runs = running(site).current
    pairs = [one for one in store.pairs(app) if one.to_version == runs and site.facts.has(one.from_version)]
    proven = [one for one in pairs if one.verdict == "hot"]
    found = sorted({one.from_version for one in proven or pairs})
    if len(found) == 1:
        return found[0]
    raise UsageError(
        f"{site.name} runs {runs}, and {'several versions' if found else 'no version there'} can be the one before",
        hint=f"say which with --version: {', '.join(found)}" if found else "say which with --version",
    )


def running(site: Site) -> NodeState:
    """Return what a node that runs said of itself.

    Raises:
        TargetError: it does not run, does not answer, or is still on its way up.
    """
    node = site.facts.node
    if node is not None and node.booted:
        return node
    why = "the node is still booting" if node else site.facts.silence or "the node does not run"
    raise TargetError(f"{site.name}: {why}", hint="only a running node can be upgraded; start it with: start")


def _unfinished(site: Site, node: NodeState) -> str:
    """Return the version that a node boots, when it is another one than it runs."""
    boots = (node.permanent, site.facts.permanent)
    return next((version for version in boots if version not in {"", node.current}), "")


def _fitting(known: list[Release], site: Site, version: str) -> Release:
    present = site.facts.has(version)
    fitting = [one for one in known if one.version == version and one.target.arch == site.facts.target.arch]
    if not fitting:
        raise TargetError(f"{site.name}: the store has no {version} for {site.facts.target}")
    same = [one for one in fitting if present is None or present.manifest in {"", one.manifest}]
    if not same:
        raise TargetError(
            f"{site.name}: {version} has another content there than in the store",
            hint="a hot upgrade is proven for one content only: restart into a version that the store has",
        )
    return same[-1]


def _is_of(pair: Pair, old: Release, new: Release) -> bool:
    return {pair.from_manifest, pair.to_manifest} == {old.manifest, new.manifest}


def _without_pair(site: Site, origin: str, version: str, pair: Pair | None, *, resumes: bool) -> TargetError:
    runs = f"runs {version}, but would boot {origin}" if resumes else f"runs {origin}"
    what = "that of another content" if pair else "no upgrade"
    return TargetError(
        f"{site.name} {runs}, and the store has {what} from there to {version}",
        hint=f"make it: invoke build-upgrade --from {origin} --to {version}",
    )


def _unproven(site: Site, pair: Pair, version: str, environment: str) -> TargetError:
    why = "".join(f"\n  {one}" for one in pair.reasons)
    return TargetError(
        f"{site.name}: the verdict on {pair.from_version}..{pair.to_version} is `{pair.verdict}`:{why}",
        hint=f"restart the nodes instead: invoke deploy-release --version {version} --to {environment} --start",
    )
