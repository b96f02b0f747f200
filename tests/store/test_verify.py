"""Finding damage in a store, and mending it."""

from __future__ import annotations

from pathlib import Path

from deliver.store.store import Store
from deliver.store.verify import Fault, discard, verify
from tests.store.samples import FILES, RECORD, put, record, sha256


def overwrite(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


def test_a_whole_store_has_no_fault(store: Store) -> None:
    put(store)
    put(store, record("0.2.0"))
    report = verify(store)
    assert report.faults == ()
    # Two manifests, two files with the version in them, and three that both share.
    assert (report.releases, report.objects, report.unused) == (2, 7, 0)
    assert report.size == sum(store.objects.size(digest) for digest in store.objects.all())


def test_a_store_that_was_never_written_has_no_fault(store: Store) -> None:
    assert verify(store).faults == ()
    assert not store.path.exists()


def test_a_damaged_object_is_named_with_all_that_need_it(store: Store) -> None:
    put(store, RECORD, FILES)
    put(store, record("0.2.0"), {**FILES, "bin/demo2": FILES["bin/demo"]})
    put(store, record("0.3.0"), {"other": b"other"})
    digest = sha256(FILES["bin/demo"])
    overwrite(store.objects.path(digest), b"garbage")
    (fault,) = verify(store).faults
    assert (fault.kind, fault.name) == ("object", digest)
    assert "is damaged" in fault.why
    assert fault.releases == ("demo 0.1.0 (linux-x86_64-glibc)", "demo 0.2.0 (linux-x86_64-glibc)")
    assert fault.files[0] == "bin/demo"


def test_a_missing_object_is_named_with_what_needs_it(store: Store) -> None:
    put(store, RECORD, FILES)
    store.objects.remove(sha256(b""))
    title = "demo 0.1.0 (linux-x86_64-glibc)"
    assert verify(store).faults == (
        Fault("object", sha256(b""), "it is missing", (title,), ("lib/demo-0.1.0/priv/empty",)),
    )


def test_a_damaged_manifest_is_named(store: Store) -> None:
    kept = put(store)
    overwrite(store.objects.path(kept.manifest), b"")
    (fault,) = verify(store).faults
    assert (fault.name, fault.files) == (kept.manifest, ("its manifest",))


def test_an_object_whose_content_belongs_to_another_is_damaged(store: Store) -> None:
    put(store, RECORD, FILES)
    one, other = (store.objects.path(sha256(FILES[path])) for path in ("bin/demo", "lib/demo-0.1.0/priv/empty"))
    overwrite(one, other.read_bytes())
    assert [fault.name for fault in verify(store).faults] == [sha256(FILES["bin/demo"])]


def test_a_damaged_record_is_named(store: Store) -> None:
    put(store)
    put(store, record("0.2.0"))
    path = store.records.path(RECORD)
    overwrite(path, b"{")
    report = verify(store)
    assert [(fault.kind, fault.name) for fault in report.faults] == [("record", str(path))]
    assert report.releases == 1


def test_objects_that_nothing_needs_are_counted(store: Store) -> None:
    with store.writer() as writer:
        writer.add(sha256(b"left behind"), [b"left behind"])
    assert verify(store).unused == 1


def test_progress_ends_with_all_bytes(store: Store) -> None:
    put(store)
    told: list[tuple[int, int]] = []
    report = verify(store, lambda done, total: told.append((done, total)))
    assert told[0] == (0, report.size)
    assert told[-1] == (report.size, report.size)


def test_what_is_damaged_can_be_discarded_and_put_again(store: Store) -> None:
    kept = put(store, RECORD, FILES)
    put(store, record("0.2.0"))
    overwrite(store.objects.path(sha256(FILES["bin/demo"])), b"garbage")
    overwrite(store.records.path(record("0.2.0")), b"{")
    store.objects.remove(sha256(b""))
    assert discard(store, verify(store)) == 2
    assert store.built(RECORD.commit, RECORD.recipe) is None
    assert put(store, RECORD, FILES) == kept
    assert verify(store).faults == ()


def test_an_object_that_was_mended_meanwhile_is_not_discarded(store: Store) -> None:
    put(store, RECORD, FILES)
    path = store.objects.path(sha256(FILES["bin/demo"]))
    whole = path.read_bytes()
    overwrite(path, b"garbage")
    report = verify(store)
    overwrite(path, whole)
    assert discard(store, report) == 0
    assert path.read_bytes() == whole
