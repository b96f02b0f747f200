"""Removing releases, and only what nobody else needs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliver.errors import StoreError
from deliver.otp.version import key
from deliver.store.prune import preview, remove, surplus
from deliver.store.store import Store
from deliver.store.verify import verify
from tests.store.samples import FILES, LINUX, MUSL, RECORD, put, record, sha256, tree


def versions(count: int) -> list[str]:
    return [f"0.{number}.0" for number in range(count)]


def test_the_newest_of_each_name_and_target_stay() -> None:
    releases = [record(version, name, target) for name in "ab" for target in (LINUX, MUSL) for version in versions(3)]
    gone = surplus(releases, 2, ())
    assert {(one.name, str(one.target), one.version) for one in gone} == {
        (name, str(target), "0.0.0") for name in "ab" for target in (LINUX, MUSL)
    }


def test_a_protected_version_stays_and_does_not_count() -> None:
    releases = [record(version) for version in versions(12)]
    gone = surplus(releases, 2, {"0.0.0", "0.11.0"})
    assert [one.version for one in gone] == versions(10)[1:]


@given(st.lists(st.from_regex(r"[0-9]\.[0-9]{1,2}", fullmatch=True), unique=True), st.integers(1, 5), st.data())
def test_what_goes_is_older_than_all_that_is_kept_by_count(tags: list[str], keep: int, data: st.DataObject) -> None:
    protected = data.draw(st.sets(st.sampled_from(tags))) if tags else set()
    releases = [record(version) for version in sorted(tags, key=key)]
    gone = {one.version for one in surplus(releases, keep, protected)}
    assert not gone & protected
    assert not gone & set(sorted(tags, key=key)[-keep:])
    assert len(gone) == len(set(sorted(tags, key=key)[:-keep]) - protected)


def test_only_what_no_other_release_needs_is_removed(store: Store) -> None:
    old = put(store, RECORD, {"shared": b"shared", "own": b"own"})
    new = put(store, record("0.2.0"), {"shared": b"shared", "new": b"new"})
    with store.alone():
        freed = remove(store, [old])
    assert freed.objects == 2
    assert store.releases() == [new]
    assert store.missing([sha256(b"own"), sha256(b"shared"), old.manifest]) == {sha256(b"own"), old.manifest}
    assert verify(store).faults == ()
    assert verify(store).unused == 0


def test_a_preview_says_the_same_and_removes_nothing(store: Store) -> None:
    old = put(store)
    put(store, record("0.2.0"))
    before = tree(store.path)
    shown = preview(store, [old])
    assert tree(store.path) == before
    with store.alone():
        assert remove(store, [old]) == shown


def test_what_was_freed_is_what_the_disk_gained(store: Store) -> None:
    put(store, record("0.2.0"))
    old = put(store)
    before = sum(len(content) for name, content in tree(store.path).items() if name.startswith("objects/"))
    with store.alone():
        freed = remove(store, [old])
    after = sum(len(content) for name, content in tree(store.path).items() if name.startswith("objects/"))
    assert before - after == freed.size > 0


def test_nothing_is_left_of_the_last_release(store: Store) -> None:
    kept = put(store)
    with store.alone():
        remove(store, [kept])
    assert [name for name in tree(store.path) if "/" in name] == []
    assert store.built(RECORD.commit, RECORD.recipe) is None
    assert put(store, RECORD, FILES).manifest != kept.manifest


def test_leftovers_of_killed_writers_go(store: Store) -> None:
    put(store)
    (store.path / "tmp" / "12345-dead").write_bytes(b"half an object")
    with store.writer() as writer:
        writer.add(sha256(b"never published"), [b"never published"])
    with store.alone():
        freed = remove(store, [])
    assert freed.objects == 1
    assert freed.size > len(b"half an object")
    assert list((store.path / "tmp").iterdir()) == []
    assert verify(store).unused == 0


def test_nothing_goes_when_it_is_not_known_what_a_release_needs(store: Store) -> None:
    put(store)
    damaged = put(store, record("0.2.0"))
    old = put(store, record("0.0.1"))
    store.objects.remove(damaged.manifest)
    before = tree(store.path)
    with store.alone(), pytest.raises(StoreError, match=r"0\.2\.0 stays, but what it needs cannot be told"):
        remove(store, [old])
    assert tree(store.path) == before


def test_nothing_goes_when_a_record_cannot_be_read(store: Store) -> None:
    old = put(store)
    newer: Path = store.records.path(put(store, record("0.2.0")))
    newer.chmod(0o644)
    newer.write_text(newer.read_text().replace('"format": 1', '"format": 9'))
    before = tree(store.path)
    with store.alone(), pytest.raises(StoreError, match="format 9"):
        remove(store, [old])
    assert tree(store.path) == before
