"""The store: what goes in comes out, and nothing else goes in."""

from __future__ import annotations

import os
import stat
import subprocess
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deliver.errors import LockedError, StoreError, UsageError
from deliver.otp.manifest import Entry, Manifest
from deliver.store.store import Store
from tests.store.samples import FILES, LINUX, MUSL, RECORD, manifest, put, record, sha256, tree


def test_what_goes_in_comes_out(store: Store) -> None:
    kept = put(store, files=FILES)
    assert store.find("demo", "0.1.0") == kept
    assert store.manifest(kept) == manifest(FILES)
    assert {path: b"".join(store.read(entry.sha256)) for path, entry in store.manifest(kept).by_path.items()} == FILES


def test_a_record_gets_the_digest_and_size_of_its_manifest(store: Store) -> None:
    kept = put(store, files=FILES)
    assert (kept.manifest, kept.size) == (manifest(FILES).digest, sum(map(len, FILES.values())))
    assert store.manifest_by_digest(kept.manifest) == manifest(FILES)
    assert store.manifest_by_digest("0" * 64) is None


def test_a_store_that_was_never_written_is_empty(store: Store) -> None:
    assert store.releases() == []
    assert store.built("0" * 40, "r") is None
    assert store.missing(["0" * 64]) == {"0" * 64}
    with store.reader():
        pass
    assert not store.path.exists()


def test_the_same_content_is_kept_once(store: Store) -> None:
    with store.writer() as writer:
        first = writer.add(sha256(b"x" * 1000), [b"x" * 500, b"x" * 500])
        assert 0 < first < 100
        assert writer.add(sha256(b"x" * 1000), [b"x" * 1000]) == 0


def test_missing_says_what_is_not_there(store: Store) -> None:
    put(store, files=FILES)
    assert store.missing([sha256(b""), "f" * 64, sha256(b"other")]) == {"f" * 64, sha256(b"other")}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chunks=st.lists(st.binary(max_size=300), max_size=5))
def test_any_bytes_in_any_pieces_come_back(store: Store, chunks: list[bytes]) -> None:
    content = b"".join(chunks)
    with store.writer() as writer:
        writer.add(sha256(content), chunks)
    assert b"".join(store.read(sha256(content))) == content


def test_a_content_with_another_digest_is_refused_and_leaves_nothing(store: Store) -> None:
    with store.writer() as writer, pytest.raises(StoreError, match="in place of"):
        writer.add(sha256(b"asked for"), [b"something else"])
    assert store.missing([sha256(b"asked for")])
    assert list((store.path / "tmp").iterdir()) == []


def test_a_known_content_that_arrives_damaged_is_refused_too(store: Store) -> None:
    with store.writer() as writer:
        writer.add(sha256(b"asked for"), [b"asked for"])
        with pytest.raises(StoreError, match="in place of"):
            writer.add(sha256(b"asked for"), [b"something else"])


def test_all_of_a_known_content_is_taken_from_the_stream(store: Store) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"one"
        taken.append("all")

    taken: list[str] = []
    with store.writer() as writer:
        writer.add(sha256(b"one"), [b"one"])
        writer.add(sha256(b"one"), chunks())
    assert taken == ["all"]


def test_an_error_of_the_stream_leaves_nothing(store: Store) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"one"
        raise LookupError

    with store.writer() as writer, pytest.raises(LookupError):
        writer.add(sha256(b"one"), chunks())
    assert list((store.path / "tmp").iterdir()) == []
    assert store.missing([sha256(b"one")])


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_what_is_no_digest_is_refused(store: Store, digest: str) -> None:
    with store.writer() as writer, pytest.raises(StoreError, match="not a SHA-256"):
        writer.add(digest, [b""])


def test_a_big_content_passes_through_little_memory(store: Store) -> None:
    chunk = os.urandom(1 << 20)
    content = [chunk] * 48
    digest = sha256(b"".join(content))
    with store.writer() as writer:
        tracemalloc.start()
        writer.add(digest, iter(content))
        assert sum(map(len, store.read(digest))) == 48 << 20
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 16 << 20


def test_a_release_whose_content_did_not_arrive_is_refused(store: Store) -> None:
    with store.writer() as writer, pytest.raises(StoreError, match=r"content of bin/demo, .* did not arrive"):
        writer.publish(RECORD, manifest(FILES))
    assert store.releases() == []


def test_a_link_needs_no_content(store: Store) -> None:
    link = Entry("bin/start", "link", 0o777, 0, sha256(b"demo"), "demo")
    with store.writer() as writer:
        kept = writer.publish(RECORD, Manifest.of([link]))
    assert store.manifest(kept).entries == (link,)


def test_the_same_release_twice_is_the_first_one(store: Store) -> None:
    first = put(store, RECORD, FILES)
    second = put(store, replace(RECORD, built_at="2025-01-01T00:00:00Z", builder="bob@desk"), FILES)
    assert second == first
    assert store.releases() == [first]


def test_a_version_with_other_content_is_refused(store: Store) -> None:
    first = put(store, RECORD, FILES)
    with pytest.raises(StoreError, match=r"other content, .*: bin/demo differ") as caught:
        put(store, RECORD, {**FILES, "bin/demo": b"changed"})
    assert "prune --version 0.1.0" in caught.value.hint
    assert store.releases() == [first]


def test_a_version_may_be_kept_for_several_targets(store: Store) -> None:
    put(store, record(target=LINUX))
    put(store, record(target=MUSL))
    with pytest.raises(UsageError, match="several targets") as caught:
        store.find("demo", "0.1.0")
    assert "linux-x86_64-musl" in caught.value.hint
    assert store.find("demo", "0.1.0", MUSL).target == MUSL


def test_a_target_fits_whatever_the_versions_of_libc_and_erts(store: Store) -> None:
    put(store, record(target=LINUX))
    assert store.find("demo", "0.1.0", replace(LINUX, libc_version="2.36", erts="")).target == LINUX


def test_versions_are_found_exactly(store: Store) -> None:
    for version in ("1.0.10", "1.0.1", "1.0.1-rc.1", "1.0.2+7", "1.0~beta"):
        put(store, record(version))
    assert [one.version for one in store.releases("demo")] == ["1.0~beta", "1.0.1-rc.1", "1.0.1", "1.0.2+7", "1.0.10"]
    assert store.find("demo", "1.0.1").version == "1.0.1"
    assert store.find("demo", "1.0~beta").version == "1.0~beta"
    for near in ("1.0", "1.0.", "1.0.1*", "v1.0.1", ""):
        with pytest.raises(UsageError, match="the store has no demo") as caught:
            store.find("demo", near)
        assert "1.0.10 (linux-x86_64-glibc), 1.0.2+7" in caught.value.hint


def test_latest_is_the_newest_by_version_of_that_name_and_target(store: Store) -> None:
    put(store, record("0.10.0"))
    put(store, record("0.9.0"))
    put(store, record("0.11.0", target=MUSL))
    put(store, record("7.0.0", name="other"))
    assert store.find("demo", "latest").version == "0.11.0"
    assert store.find("demo", "latest", LINUX).version == "0.10.0"
    with pytest.raises(UsageError):
        store.find("nobody", "latest")


def test_a_built_commit_is_found_by_commit_and_recipe(store: Store) -> None:
    kept = put(store)
    assert store.built(RECORD.commit, "r1") == kept
    assert store.built(RECORD.commit, "r2") is None
    assert store.built("f" * 40, "r1") is None


def test_another_commit_that_gives_the_same_release_is_found_too(store: Store) -> None:
    kept = put(store, RECORD, FILES)
    put(store, replace(RECORD, commit="f" * 40, recipe="r2"), FILES)
    assert store.built("f" * 40, "r2") == kept
    assert store.built(RECORD.commit, "r1") == kept


def test_a_commit_whose_release_lost_an_object_is_not_built(store: Store) -> None:
    put(store, RECORD, FILES)
    store.objects.remove(sha256(FILES["bin/demo"]))
    assert store.built(RECORD.commit, "r1") is None
    put(store, RECORD, FILES)
    assert store.built(RECORD.commit, "r1") is not None


def test_an_object_that_lost_its_content_counts_as_missing(store: Store) -> None:
    put(store, RECORD, FILES)
    path = store.objects.path(sha256(FILES["bin/demo"]))
    path.chmod(0o644)
    path.write_bytes(b"")
    assert store.missing([sha256(FILES["bin/demo"])])
    put(store, RECORD, FILES)
    assert b"".join(store.read(sha256(FILES["bin/demo"]))) == FILES["bin/demo"]


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "a\0b", "a\nb", "x" * 201])
def test_a_name_or_version_that_cannot_be_a_files_is_refused(store: Store, name: str) -> None:
    with pytest.raises(StoreError, match="cannot keep"):
        put(store, record(version=name))
    with pytest.raises(StoreError, match="cannot keep"):
        put(store, record(name=name))
    assert store.releases() == []


@pytest.mark.parametrize("version", ["1.0.0+build.7", "1.0~rc1", "1.0.0-rc.1", "1.0 beta", "1.0:2", "%2F", "ü"])
def test_a_version_may_have_what_a_files_name_may(store: Store, version: str) -> None:
    assert store.find("demo", put(store, record(version)).version).version == version


def test_a_damaged_object_is_told_when_it_is_read(store: Store) -> None:
    put(store, RECORD, FILES)
    digest = sha256(FILES["lib/demo-0.1.0/ebin/demo.beam"])
    path = store.objects.path(digest)
    whole = path.read_bytes()
    path.chmod(0o644)
    for damaged in (
        whole[:-3],
        whole[:10] + b"\xff" + whole[11:],
        b"garbage",
        store.objects.path(sha256(b"")).read_bytes(),
    ):
        path.write_bytes(damaged)
        with pytest.raises(StoreError, match=f"object {digest} of the store is damaged"):
            list(store.read(digest))


def test_a_missing_object_is_told_when_it_is_read(store: Store) -> None:
    with pytest.raises(StoreError, match="missing"):
        list(store.read("0" * 64))


def test_a_damaged_record_stops_whoever_reads_the_store(store: Store) -> None:
    put(store)
    path = store.records.path(RECORD)
    path.chmod(0o644)
    for text in ("", "[]", "{", '{"format": 1}', '{"format": 2}', path.read_text().replace("0.1.0", "0.2.0")):
        path.write_text(text)
        with pytest.raises(StoreError, match=r"the record .* cannot be used"):
            store.releases()
        with pytest.raises(StoreError, match=r"the record .* cannot be used"):
            put(store)


def test_a_store_of_a_newer_deliver_is_left_alone(store: Store) -> None:
    put(store)
    (store.path / "format").unlink()
    (store.path / "format").write_text("2\n")
    before = tree(store.path)
    for use in (store.releases, lambda: put(store, record("0.2.0")), lambda: store.missing(["0" * 64])):
        with pytest.raises(StoreError, match="format '2'") as caught:
            use()
        assert "upgrade deliver" in caught.value.hint
    assert tree(store.path) == before


def test_a_directory_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(StoreError, match=r"is not a release store: it has thesis\.tex"):
        put(Store(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_store_inside_a_repository_never_dirties_it(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    put(Store(tmp_path / ".deliver" / "store"))
    done = subprocess.run(["git", "-C", tmp_path, "status", "--porcelain"], capture_output=True, check=True)
    assert done.stdout == b""


def test_what_is_stored_is_not_writable_and_stays_within_the_umask(store: Store) -> None:
    before = os.umask(0o027)
    try:
        put(store)
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (store.path / "objects").rglob("*") if path.is_file()}
    assert modes == {0o440}


def test_who_removes_waits_for_who_writes_and_says_so(store: Store) -> None:
    busy = pytest.raises(LockedError, match="others are at work in the store")
    with store.writer(), store.reader(), store.writer(), busy, store.alone(wait=0.1):
        pass
    with store.alone(), pytest.raises(LockedError), store.writer(wait=0.1):
        pass
    with store.alone(), pytest.raises(LockedError), store.reader(wait=0.1):
        pass
