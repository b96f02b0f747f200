"""Making an upgrade pair: from two versions to a verdict in the store."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from hashlib import sha256
from pathlib import Path

from deliver.config.schema import Config, Environment
from deliver.errors import UsageError
from deliver.otp.release import Release
from deliver.otp.upgrade.pair import Pair
from deliver.remote.who import me
from deliver.report import Report
from deliver.store.store import Store
from deliver.upgrade.rehearse import Rehearsal, Rehearsed, draft
from deliver.upgrade.relups import Edited
from deliver.upgrade.sides import Side, Sides
from deliver.upgrade.word import Word, find
from deliver.upgrade.workbench import workbench


@dataclass(frozen=True)
class Request:
    """Which pair to make.

    Args:
        old: the release that runs.
        new: the one that is to run.
        again: whether a pair that the store has is made again.
        hints: a file in place of the hints at the new release's commit, or a directory in place of its `.deliver`.
        relup: a relup to rehearse in place of ours.
        replan: whether a relup that was edited before is given up for ours.
        lock_wait: seconds to wait while somebody else builds.
        target: what both run on; empty for whatever the two have in common.
        on: where to rehearse, if not on the build host: an environment with only that host.
    """

    old: Side
    new: Side
    again: bool = False
    hints: Path | None = None
    relup: Edited | None = None
    replan: bool = False
    lock_wait: int = 0
    target: str = ""
    on: Environment | None = None

    @property
    def place(self) -> str:
        """Where to rehearse, as the pair's record says it; empty for the build host."""
        return f"{self.on.name}/{self.on.hosts[0].name}" if self.on else ""


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
    """Build or import what the store lacks of both releases, plan the upgrade, rehearse it, and keep its verdict.

    Raises:
        UsageError, SourceError: a version is neither in the store nor in the repository.
        BuildError: a release cannot be built, or the two can never be a pair.
        UnreachableError: the build host does not answer.
        StoreError: the store cannot be written, or has an archive's version with other content.
    """
    began = time.monotonic()
    old, new = Sides(config, store, report, request.target, request.lock_wait).find(request.old, request.new)
    _refuse(old, new)
    present = store.pair(new.name, old.version, new.version, new.target)
    if present is not None and not _is_of(present, old, new):
        present = None
    word = find(config, old, new, request.hints)
    anew = request.again or request.replan or request.relup
    if present is not None and not anew and _holds(present, word, request.place):
        return Made(present, was_run=False, seconds=time.monotonic() - began)
    edited = request.relup or (None if request.replan or present is None else _edited(store, present))
    kind = new.kind if new.kind == old.kind else "command"
    with workbench(config, store, report, kind, request.on) as bench:
        rehearsed = Rehearsal(bench, old, new, report, word, edited).run()
    pair = replace(
        _record(old, new, rehearsed, round(time.monotonic() - began, 2)),
        word=word.digest,
        edited=edited is not None,
        rehearsed_on=request.place,
    )
    return Made(_keep(store, pair, rehearsed), was_run=True, seconds=pair.seconds)


def _is_of(pair: Pair, old: Release, new: Release) -> bool:
    return (pair.from_manifest, pair.to_manifest) == (old.manifest, new.manifest)


def _holds(pair: Pair, word: Word, place: str) -> bool:
    # What could not be proven once, for whatever surroundings, is tried again whenever it is asked for.
    is_told = pair.edited or pair.word == word.digest
    return pair.verdict != "unproven" and is_told and place in {"", pair.rehearsed_on}


def _edited(store: Store, pair: Pair) -> Edited | None:
    if not pair.edited:
        return None
    with store.reader():
        text = b"".join(store.read(pair.files["relup"])).decode("utf-8", "replace")
    return Edited("the one that was edited before (--replan gives it up)", text)


def _refuse(old: Release, new: Release) -> None:
    if old.version == new.version:
        raise UsageError(f"both sides are {new.version}", hint="--from names the version that runs, --to the next one")
    if str(old.target) != str(new.target):
        raise UsageError(
            f"{old.version} was built for {old.target}, {new.version} for {new.target}",
            hint="build both on hosts of one kind",
        )


def _keep(store: Store, pair: Pair, rehearsed: Rehearsed) -> Pair:
    with store.writer() as writer:
        kept = replace(pair, files={name: _add(writer, data) for name, data in rehearsed.files.items()})
        writer.publish_pair(kept)
    return kept


def _add(writer: object, data: bytes) -> str:
    digest = sha256(data).hexdigest()
    writer.add(digest, [data])  # type: ignore[attr-defined]
    return digest


def _record(old: Release, new: Release, rehearsed: Rehearsed, seconds: float) -> Pair:
    return replace(
        draft(old, new, rehearsed.plan),
        verdict=rehearsed.verdict,
        reasons=rehearsed.reasons,
        findings=rehearsed.findings,
        builder=me(),
        built_at=datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        seconds=seconds,
    )
