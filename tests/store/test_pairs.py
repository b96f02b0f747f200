"""Upgrade pairs: kept, replaced, checked, and removed with their releases."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from deliver.errors import StoreError
from deliver.otp.release import Release
from deliver.otp.upgrade.pair import Finding, Pair
from deliver.store.prune import preview, remove
from deliver.store.store import Store, fits
from deliver.store.verify import discard, verify
from tests.store.pairs import FILES, pair, put_pair
from tests.store.samples import LINUX, MUSL, put, record, sha256

FORK = multiprocessing.get_context("fork")


def two(store: Store) -> tuple[Release, Release]:
    return put(store, record("0.1.0")), put(store, record("0.2.0"))


def test_a_pair_comes_back_as_it_was_kept(store: Store) -> None:
    kept = put_pair(store, pair(*two(store)))
    assert store.pair("demo", "0.1.0", "0.2.0", LINUX) == kept
    assert store.pairs("demo") == [kept]
    assert {name: b"".join(store.read(digest)) for name, digest in kept.files.items()} == FILES
    assert (store.path / "upgrades/demo/0.1.0..0.2.0/linux-x86_64-glibc.json").is_file()


def test_a_pair_is_found_by_exactly_its_name_versions_and_target(store: Store) -> None:
    put_pair(store, pair(*two(store)))
    assert store.pair("demo", "0.1.0", "0.2.0", replace(LINUX, libc_version="", erts="")) is not None
    for name, old, new, target in (
        ("other", "0.1.0", "0.2.0", LINUX),
        ("demo", "0.2.0", "0.1.0", LINUX),
        ("demo", "0.1", "0.2.0", LINUX),
        ("demo", "0.1.0", "0.2.0", MUSL),
    ):
        assert store.pair(name, old, new, target) is None
    assert store.pairs("other") == []


def test_a_store_that_was_never_written_has_no_pairs(store: Store) -> None:
    assert store.pairs() == []
    assert store.pair("demo", "0.1.0", "0.2.0", LINUX) is None
    assert not store.path.exists()


def test_a_store_from_before_there_were_pairs_takes_them(store: Store) -> None:
    releases = two(store)
    assert not (store.path / "upgrades").exists()
    assert store.pairs("demo") == []
    assert verify(store).faults == ()
    assert preview(store, [releases[0]]).upgrades == ()
    put_pair(store, pair(*releases))
    assert (store.path / "format").read_text() == "1\n"
    assert len(Store(store.path).pairs("demo")) == 1


def test_pairs_are_in_the_order_of_their_versions(store: Store) -> None:
    releases = [put(store, record(version)) for version in ("0.9.0", "0.10.0", "0.11.0")]
    for old, new in ((1, 2), (0, 2), (0, 1)):
        put_pair(store, pair(releases[old], releases[new]))
    ways = [(one.from_version, one.to_version) for one in store.pairs("demo")]
    assert ways == [("0.9.0", "0.10.0"), ("0.9.0", "0.11.0"), ("0.10.0", "0.11.0")]


def test_a_pair_that_is_made_again_takes_the_place_of_the_older_one(store: Store) -> None:
    releases = two(store)
    put_pair(store, pair(*releases, verdict="restart", reasons=("it took too long",)))
    again = put_pair(store, pair(*releases), {"relup": b"another one"})
    assert store.pairs("demo") == [again]
    assert again.verdict == "hot"


def publish_again_and_again(store: Store, pairs: Sequence[tuple[Pair, dict[str, bytes]]]) -> None:
    while True:
        for made, files in pairs:
            put_pair(store, made, files)


def test_a_reader_sees_the_older_pair_or_the_newer_one_also_when_its_writer_is_killed(store: Store) -> None:
    made = pair(*two(store))
    contents = [(replace(made, verdict="restart"), {"relup": b"one"}), (made, {"relup": b"two" * 999})]
    known = [put_pair(store, *one) for one in contents]
    writer = FORK.Process(target=publish_again_and_again, args=(store, contents))
    writer.start()
    seen = [store.pair("demo", "0.1.0", "0.2.0", LINUX) for _ in range(300)]
    writer.kill()
    writer.join()
    assert all(one in known for one in (*seen, *store.pairs("demo")))
    assert verify(store).faults == ()


def test_a_pair_whose_content_did_not_arrive_is_refused(store: Store) -> None:
    made = pair(*two(store), files={"relup": sha256(b"relup"), "x.beam": sha256(b"never sent")})
    with store.writer() as writer, pytest.raises(StoreError, match=r"content of relup, x\.beam did not arrive"):
        writer.publish_pair(made)
    assert store.pairs("demo") == []


def test_a_pair_that_lost_a_file_counts_as_none(store: Store) -> None:
    releases = two(store)
    put_pair(store, pair(*releases))
    store.objects.remove(sha256(FILES["relup"]))
    assert store.pair("demo", "0.1.0", "0.2.0", LINUX) is None
    put_pair(store, pair(*releases))
    assert store.pair("demo", "0.1.0", "0.2.0", LINUX) is not None


@pytest.mark.parametrize("version", ["", "..", ".x", "a/b", "a\nb", "x" * 201, "x" * 199, "1..2"])
def test_versions_that_cannot_be_a_files_name_are_refused(store: Store, version: str) -> None:
    releases = two(store)
    for made in (pair(*releases, from_version=version), pair(*releases, to_version=version)):
        with pytest.raises(StoreError, match="cannot keep"):
            put_pair(store, made)
    assert store.pairs() == []
    assert set(store.path.rglob("*.json")) == {store.records.path(one) for one in releases}


@pytest.mark.parametrize("version", ["1.0.0+build.7", "1.0~rc1", "1.0 beta", "ü"])
def test_versions_may_have_what_a_files_name_may(store: Store, version: str) -> None:
    old, new = put(store, record("0.1.0")), put(store, record(version))
    kept = put_pair(store, pair(old, new))
    assert store.pair("demo", "0.1.0", version, LINUX) == kept


def change(**changes: Any) -> Callable[[dict[str, Any]], str]:
    return lambda document: json.dumps({**document, **changes})


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: "",
        lambda _: "[]",
        lambda _: '{"format": 1}',
        change(format=2),
        change(to_version="0.3.0"),
        change(verdict="lukewarm"),
        change(verdict=["hot"]),
        change(findings=None),
        change(files=["relup"]),
        change(extra=1),
    ],
)
def test_a_damaged_record_is_told_and_can_be_discarded(store: Store, damage: Callable[[dict[str, Any]], str]) -> None:
    releases = two(store)
    kept = put_pair(store, pair(*releases))
    path = store.upgrades.path_of(kept)
    path.chmod(0o644)
    path.write_text(damage(kept.to_json()))
    for use in (store.pairs, lambda: store.pair("demo", "0.1.0", "0.2.0", LINUX), lambda: preview(store, [])):
        with pytest.raises(StoreError, match=r"the record .* cannot be used") as caught:
            use()
        assert "store-verify --discard" in caught.value.hint
    (fault,) = verify(store).faults
    assert (fault.kind, fault.name) == ("record", str(path))
    assert discard(store, verify(store)) == 1
    assert store.pairs() == []
    assert store.releases() == list(releases)


def test_a_damaged_pair_hinders_nobody_who_asks_for_another(store: Store) -> None:
    old, new = two(store)
    kept, other = put_pair(store, pair(old, new)), put_pair(store, pair(new, put(store, record("0.3.0"))))
    path = store.upgrades.path_of(other)
    path.chmod(0o644)
    path.write_text("{")
    assert store.pair("demo", "0.1.0", "0.2.0", LINUX) == kept
    assert len(store.releases()) == 3


def test_what_a_pair_needs_survives_pruning(store: Store) -> None:
    old, new = two(store)
    kept = put_pair(store, pair(old, new))
    gone = put(store, record("0.0.9"))
    with store.alone():
        freed = remove(store, [gone])
    assert freed.upgrades == ()
    assert store.pair("demo", "0.1.0", "0.2.0", LINUX) == kept
    assert (verify(store).faults, verify(store).unused, verify(store).upgrades) == ((), 0, 1)


@pytest.mark.parametrize("which", [0, 1])
def test_a_pair_goes_with_either_of_its_releases(store: Store, which: int) -> None:
    releases = two(store)
    kept = put_pair(store, pair(*releases))
    shown = preview(store, [releases[which]])
    assert store.pairs() == [kept]
    with store.alone():
        assert remove(store, [releases[which]]) == shown
    assert shown.upgrades == (kept,)
    assert store.missing(kept.files.values()) == set(kept.files.values())
    assert not list((store.path / "upgrades").iterdir())
    assert (verify(store).faults, verify(store).unused) == ((), 0)


def test_a_file_that_two_pairs_share_stays_with_the_one_that_stays(store: Store) -> None:
    old, new = two(store)
    put_pair(store, pair(old, new))
    kept = put_pair(store, pair(new, put(store, record("0.3.0"))), {**FILES, "relup": b"its own"})
    with store.alone():
        remove(store, [old])
    assert store.pair("demo", "0.2.0", "0.3.0", LINUX) == kept
    assert store.missing([sha256(FILES["relup"])])


def test_a_pair_of_another_target_or_name_stays(store: Store) -> None:
    old, new = two(store)
    others = [
        put_pair(store, pair(*(put(store, record(one, name, target)) for one in ("0.1.0", "0.2.0"))))
        for name, target in (("demo", MUSL), ("other", LINUX))
    ]
    put_pair(store, pair(old, new))
    with store.alone():
        remove(store, [old])
    assert store.pairs() == others


def test_a_pair_of_a_release_that_was_built_anew_goes_with_the_next_pruning(store: Store) -> None:
    old, new = two(store)
    kept = put_pair(store, pair(old, new))
    # Done by a deliver that knew of no pairs.
    hidden = store.path.parent / "upgrades"
    shutil.move(store.path / "upgrades", hidden)
    with store.alone():
        remove(store, [new])
    shutil.move(hidden, store.path / "upgrades")
    again = put(store, record("0.2.0"), {"bin/demo": b"other"})
    assert not fits(kept, [old, again])
    assert (verify(store).faults, verify(store).upgrades) == ((), 0)
    with store.alone():
        assert remove(store, []).upgrades == (kept,)
    assert store.releases() == [old, again]
    assert store.pairs() == []


def test_damage_to_a_pairs_file_is_found_and_mended(store: Store) -> None:
    releases = two(store)
    put_pair(store, pair(*releases))
    path = store.objects.path(sha256(FILES["relup"]))
    path.chmod(0o644)
    path.write_bytes(b"garbage")
    (fault,) = verify(store).faults
    assert (fault.releases, fault.files) == (("demo 0.1.0..0.2.0 (linux-x86_64-glibc)",), ("relup",))
    assert discard(store, verify(store)) == 1
    (fault,) = verify(store).faults
    assert (fault.why, fault.files) == ("it is missing", ("relup",))
    put_pair(store, pair(*releases))
    assert verify(store).faults == ()


def test_a_pair_is_one_json_document_whatever_its_mappings_are(store: Store) -> None:
    found = Finding("warning", "demo_cache", "it keeps its state")
    made = pair(*two(store), findings=(found,), inline={"demo": "Elixir.Demo.Supervisor"}, modules=("demo",))
    proxied = replace(made, files=MappingProxyType(dict(made.files)), inline=MappingProxyType(dict(made.inline)))
    assert Pair.from_json(json.loads(json.dumps(proxied.to_json()))) == made
    assert hash(proxied) == hash(made)
