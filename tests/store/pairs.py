"""Small upgrade pairs of the small releases of `samples`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from deliver.otp.release import Release
from deliver.otp.upgrade.pair import Pair
from deliver.store.store import Store
from tests.store.samples import sha256

FILES = {"relup": b'{"0.2.0",[{"0.1.0",[],[]}],[{"0.1.0",[],[]}]}.\n', "deliver_relup.beam": b"FOR1"}


def pair(old: Release, new: Release, **changes: Any) -> Pair:
    """Return a pair of two releases, proven hot, but for `changes`."""
    made = Pair(
        name=new.name,
        from_version=old.version,
        to_version=new.version,
        target=new.target,
        verdict="hot",
        reasons=(),
        findings=(),
        files={name: sha256(content) for name, content in FILES.items()},
        from_manifest=old.manifest,
        to_manifest=new.manifest,
        builder="ann@laptop",
        built_at="2024-01-02T03:04:05Z",
        seconds=12.5,
    )
    return replace(made, **changes)


def put_pair(store: Store, made: Pair, files: dict[str, bytes] | None = None) -> Pair:
    """Put a pair into a store, with files of these contents."""
    contents = FILES if files is None else files
    kept = replace(made, files={name: sha256(content) for name, content in contents.items()})
    with store.writer() as writer:
        for content in contents.values():
            writer.add(sha256(content), [content])
        writer.publish_pair(kept)
    return kept
