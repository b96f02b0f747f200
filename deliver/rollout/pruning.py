"""Removing old releases from the store, but for those that a host has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deliver.config.schema import Config, Host
from deliver.errors import FleetError, UsageError
from deliver.node.facts import Facts, gather
from deliver.otp.release import Release
from deliver.remote.connect import connect
from deliver.remote.fleet import Outcome, each
from deliver.report import Report
from deliver.store.prune import Freed, preview, remove, surplus
from deliver.store.store import Store


@dataclass(frozen=True)
class Request:
    """What to remove: either all beyond the newest of each target, or one version.

    Args:
        keep: how many of the newest versions stay; 0 when a version is named.
        version: the one version to remove; empty for the surplus.
        dry_run: whether nothing is removed, and only said what would be.
    """

    keep: int = 0
    version: str = ""
    dry_run: bool = False


@dataclass(frozen=True)
class Pruned:
    """What came of it.

    Args:
        freed: what was removed, or would be.
        kept: releases that stay.
        holders: which hosts have a version, as `environment/host`, by version.
    """

    freed: Freed
    kept: tuple[Release, ...]
    holders: Mapping[str, Sequence[str]]


def prune(config: Config, store: Store, report: Report, request: Request) -> Pruned:
    """Remove releases of this application that no host of any environment has.

    The store is locked before hosts are asked, so that nothing is deployed between the answer and the removal.

    Raises:
        UsageError: the named version is not in the store, or a host has it.
        FleetError: a host could not be asked; nothing was removed.
        LockedError: others are at work in the store.
        StoreError: the store cannot be read or written, or is damaged.
    """
    if not store.exists():
        return Pruned(Freed((), 0, 0), (), {})
    with store.reader() if request.dry_run else store.alone():
        releases = store.releases(config.app)
        holders = installed(config, report)
        gone = _chosen(store, config.app, request, holders)
        freed = (preview if request.dry_run else remove)(store, gone)
    return Pruned(freed, tuple(one for one in releases if one not in gone), holders)


def installed(config: Config, report: Report) -> Mapping[str, Sequence[str]]:
    """Ask every host of every environment which versions it has: installed, running, or the one to start.

    Returns:
        `environment/host` of those that have it, by version.

    Raises:
        FleetError: a host could not be asked.
    """

    def ask(place: tuple[str, Host]) -> tuple[str, Facts]:
        with connect(place[1], config.ssh, report) as session:
            return _title(place), gather(session, place[1], config.app)

    places = [(one.name, host) for one in config.environments.values() for host in one.hosts]
    outcomes = each(places, ask, name=_title, limit=config.ssh.parallel)
    _refuse_silence(outcomes)
    holders: dict[str, list[str]] = defaultdict(list)
    for title, facts in (outcome.get() for outcome in outcomes):
        for version in sorted(_versions(facts)):
            holders[version].append(title)
    return holders


def _title(place: tuple[str, Host]) -> str:
    return f"{place[0]}/{place[1].name}"


def _versions(facts: Facts) -> set[str]:
    found = {one.version for one in facts.installed} | {facts.permanent}
    if facts.process is not None:
        found.add(facts.process.version)
    if facts.node is not None:
        found |= {facts.node.current, facts.node.permanent}
    return found - {""}


def _refuse_silence(outcomes: Sequence[Outcome[tuple[str, Facts]]]) -> None:
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    if not errors:
        return
    hints = dict.fromkeys(error.hint for error in errors if error.hint)
    raise FleetError(
        "\n".join(["nothing was pruned: what these hosts have is not known", *(one.message for one in errors)]),
        hint="\n".join([*hints, "a host that is gone for good is pruned for when deliver.toml no longer names it"]),
        code=max(error.code for error in errors),
    )


def _chosen(store: Store, app: str, request: Request, holders: Mapping[str, Sequence[str]]) -> list[Release]:
    releases = store.releases(app)
    if not request.version:
        return surplus(releases, request.keep, holders.keys())
    found = [one for one in releases if one.version == request.version]
    if not found:
        store.find(app, request.version)
    if request.version in holders:
        raise UsageError(
            f"{app} {request.version} stays: it is on {', '.join(holders[request.version])}",
            hint="a host may need what it has installed, to go back to it: remove it there first",
        )
    return found
