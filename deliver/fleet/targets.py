"""Which version a roll brings its hosts to: a tag's, another environment's, or the last good one."""

from __future__ import annotations

from collections.abc import Sequence

from deliver import source as git
from deliver.build.flow import build_release
from deliver.build.plan import Request as BuildRequest
from deliver.config.schema import Config
from deliver.errors import BuildError, SourceError, TargetError, UsageError
from deliver.fleet.ways import Target, running_version
from deliver.report import Report
from deliver.ship.crew import Site
from deliver.store.store import Store, fits
from deliver.upgrade.flow import Request as PairRequest
from deliver.upgrade.flow import build_upgrade


def stored(store: Store, app: str, version: str) -> Target:
    """Return a version that the store has, or its `latest`.

    Raises:
        UsageError: it has none.
    """
    known = store.releases(app)
    exact = known[-1].version if version == "latest" and known else version
    builds = tuple(one for one in known if one.version == exact)
    return Target(exact, builds or (store.find(app, exact),))


def tagged(config: Config, store: Store, report: Report, tag: str, lock_wait: int) -> Target:
    """Return the version of a tag, built where the store lacks it.

    Raises:
        SourceError: there is no such tag.
        BuildError: it cannot be built.
    """
    built = build_release(config, store, report, BuildRequest(tag=tag, lock_wait=lock_wait))
    return stored(store, config.app, built.release.version)


def foreseen(config: Config, store: Store, tag: str) -> Target:
    """Return what a tag will be built to, without building it.

    Raises:
        SourceError: there is no such tag.
    """
    source = git.resolve(config.repository, tag=tag, tag_prefix=config.tag_prefix, verify_tags=config.verify_tags)
    version = source.version or source.label
    return Target(version, tuple(one for one in store.releases(config.app) if one.version == version))


def pairs(config: Config, store: Store, report: Report, target: Target, sites: Sequence[Site], lock_wait: int) -> None:
    """Make the upgrades that the store lacks, from every version that a host runs to the target.

    One that cannot be made is no failure: its hosts restart, and their plan says why.
    """
    for old in lacking(store, config.app, target, sites):
        try:
            build_upgrade(config, store, report, PairRequest(old, target.version, lock_wait=lock_wait))
        except (BuildError, SourceError, UsageError) as error:
            report.warn(f"there is no hot upgrade from {old} to {target.version}: {error.message}")


def lacking(store: Store, app: str, target: Target, sites: Sequence[Site]) -> list[str]:
    """Return the versions that hosts run, and from which the store has no upgrade to the target."""
    running = dict.fromkeys(site.facts.node.current for site in sites if site.facts.node)
    releases = store.releases(app)
    known = [one for one in store.pairs(app) if one.verdict != "unproven" and fits(one, releases)]
    made = {one.from_version for one in known if one.to_version == target.version}
    made |= {one.to_version for one in known if one.from_version == target.version and one.verdict == "hot"}
    return [version for version in running if version not in made | {target.version}]


def promoted(store: Store, app: str, environment: str, sites: Sequence[Site]) -> Target:
    """Return exactly what another environment runs.

    Args:
        store: must have the same content.
        app: the release's name.
        environment: the other one's name.
        sites: its hosts.

    Raises:
        TargetError: its hosts do not all run, and boot, one content of one version that the store has.
    """
    contents = {site.name: _content(site) for site in sites}
    differing = set(contents.values())
    if len(differing) > 1:
        lines = "\n".join(f"  {name}: {told(*one)}" for name, one in contents.items())
        raise TargetError(
            f"{environment} does not run one release that could be promoted:\n{lines}",
            hint=f"bring all of {environment} to one version first: invoke release --to {environment} --version V",
        )
    version, manifest = next(iter(differing))
    builds = tuple(one for one in store.releases(app) if (one.version, one.manifest) == (version, manifest))
    if not builds:
        ours = [one.manifest[:12] for one in store.releases(app) if one.version == version]
        has = f"the content {', '.join(ours)}" if ours else "no such version"
        raise TargetError(
            f"{environment} runs {told(version, manifest)}, and the store has {has}",
            hint="promote from the machine whose store made it, or `export` it there and `import` it here",
        )
    return Target(version, builds)


def told(version: str, manifest: str) -> str:
    """Return a content in words."""
    return f"{version} (content {manifest[:12] or 'unknown'})"


def _content(site: Site) -> tuple[str, str]:
    node = site.facts.node
    if node is None or not node.booted:
        raise TargetError(f"{site.name}: {site.facts.silence or 'the node does not run'}", hint="look with: status")
    version = running_version(site)
    boots = {site.facts.permanent, node.permanent} - {"", version}
    if boots:
        raise TargetError(f"{site.name} runs {version}, but would boot {boots.pop()}: it has not passed yet")
    present = site.facts.has(version)
    if present is None or not present.manifest:
        raise TargetError(f"{site.name}: deliver did not bring {version} there, and cannot tell its content")
    return version, present.manifest
