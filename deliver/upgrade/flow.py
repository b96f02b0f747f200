"""Making an upgrade pair: from two versions to a verdict in the store."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from hashlib import sha256

from deliver.build.flow import build_release
from deliver.build.plan import Request as BuildRequest
from deliver.config.schema import Config
from deliver.errors import UsageError
from deliver.otp.release import Release
from deliver.otp.upgrade.pair import Pair
from deliver.remote.who import me
from deliver.report import Report
from deliver.store.store import Store
from deliver.upgrade.rehearse import Rehearsal, Rehearsed
from deliver.upgrade.workbench import workbench


@dataclass(frozen=True)
class Request:
    """Which pair to make.

    Args:
        old: the version, or its tag, that runs.
        new: the one that is to run.
        again: whether a pair that the store has is made again.
        lock_wait: seconds to wait while somebody else builds.
    """

    old: str
    new: str
    again: bool = False
    lock_wait: int = 0


@dataclass(frozen=True)
class Made:
    """What came of it.

    Args:
        pair: its record in the store.
        was_run: whether it was rehearsed; not, when the store had it.
        seconds: how long everything took.
    """

    pair: Pair
    was_run: bool
    seconds: float


def build_upgrade(config: Config, store: Store, report: Report, request: Request) -> Made:
    """Build what the store lacks of both releases, plan the upgrade, rehearse it, and keep it with its verdict.

    Raises:
        UsageError, SourceError: a version is neither in the store nor in the repository.
        BuildError: a release cannot be built, or the two can never be a pair.
        UnreachableError: the build host does not answer.
        StoreError: the store cannot be written.
    """
    began = time.monotonic()
    old, new = (_release(config, store, report, one, request.lock_wait) for one in (request.old, request.new))
    _refuse(old, new)
    present = None if request.again else store.pair(new.name, old.version, new.version, new.target)
    if present is not None and _holds(present, old, new):
        return Made(present, was_run=False, seconds=time.monotonic() - began)
    with workbench(config, store, report, new.kind) as bench:
        rehearsed = Rehearsal(bench, old, new, report).run()
    seconds = time.monotonic() - began
    return Made(_keep(store, old, new, rehearsed, seconds), was_run=True, seconds=seconds)


def _release(config: Config, store: Store, report: Report, version: str, lock_wait: int) -> Release:
    plain = version.removeprefix(config.tag_prefix)
    known = [one for one in store.releases(config.app) if one.version in {version, plain}]
    if known:
        return known[-1]
    built = build_release(config, store, report, BuildRequest(tag=version, lock_wait=lock_wait))
    return built.release


def _holds(pair: Pair, old: Release, new: Release) -> bool:
    # What could not be proven once, for whatever surroundings, is tried again whenever it is asked for.
    return (pair.from_manifest, pair.to_manifest) == (old.manifest, new.manifest) and pair.verdict != "unproven"


def _refuse(old: Release, new: Release) -> None:
    if old.version == new.version:
        raise UsageError(f"both sides are {new.version}", hint="--from names the version that runs, --to the next one")
    if str(old.target) != str(new.target):
        raise UsageError(
            f"{old.version} was built for {old.target}, {new.version} for {new.target}",
            hint="build both on hosts of one kind",
        )


def _keep(store: Store, old: Release, new: Release, rehearsed: Rehearsed, seconds: float) -> Pair:
    with store.writer() as writer:
        files = {name: _add(writer, data) for name, data in rehearsed.files.items()}
        pair = _record(old, new, rehearsed, files, seconds)
        writer.publish_pair(pair)
    return pair


def _add(writer: object, data: bytes) -> str:
    digest = sha256(data).hexdigest()
    writer.add(digest, [data])  # type: ignore[attr-defined]
    return digest


def _record(old: Release, new: Release, rehearsed: Rehearsed, files: Mapping[str, str], seconds: float) -> Pair:
    plan = rehearsed.plan
    return Pair(
        name=new.name,
        from_version=old.version,
        to_version=new.version,
        target=new.target,
        verdict=rehearsed.verdict,
        reasons=rehearsed.reasons,
        findings=rehearsed.findings,
        files=dict(files),
        from_manifest=old.manifest,
        to_manifest=new.manifest,
        builder=me(),
        built_at=datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        seconds=round(seconds, 2),
        inline=dict(plan.inline) if plan else {},
        modules=plan.modules if plan else (),
        held=dict(plan.held) if plan else {},
        asked=plan.asked if plan else (),
    )
