"""Archives that the store writes."""

from __future__ import annotations

import os
import stat
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from deliver.errors import StoreError
from deliver.otp.manifest import Entry, Manifest
from deliver.store.export import export
from deliver.store.store import Store
from tests.store.samples import FILES, RECORD, file, put, record, sha256, tree


def put_all_kinds(store: Store) -> None:
    """Put a release with a link, a script, an odd name and a big file into the store."""
    big = os.urandom(700_000)
    odd = "lib/demo-0.1.0/priv/ b\udcffd  näme " + "long" * 40
    files = {**FILES, odd: b"odd", "lib/demo-0.1.0/priv/big": big}
    entries = [file(path, content) for path, content in files.items() if path != "bin/demo"]
    script = replace(file("bin/demo", FILES["bin/demo"]), mode=0o755)
    link = Entry("bin/start", "link", 0o777, 0, sha256(b"demo"), "demo")
    with store.writer() as writer:
        for content in files.values():
            writer.add(sha256(content), [content])
        writer.publish(RECORD, Manifest.of([*entries, script, link]))


def unpacked(archive: Path, directory: Path) -> Path:
    directory.mkdir()
    subprocess.run(["tar", "-xzf", archive, "-C", directory], check=True)
    return directory


def test_tar_unpacks_every_file_as_the_manifest_says(store: Store, tmp_path: Path) -> None:
    put_all_kinds(store)
    release = store.find("demo", "0.1.0")
    export(store, release, tmp_path / "demo.tar.gz")
    root = unpacked(tmp_path / "demo.tar.gz", tmp_path / "root")
    for entry in store.manifest(release).entries:
        path = root / entry.path
        if entry.kind == "link":
            assert str(path.readlink()) == entry.target
        else:
            assert (sha256(path.read_bytes()), stat.S_IMODE(path.stat().st_mode)) == (entry.sha256, entry.mode)
    assert set(tree(root)) - {"bin/start"} == {
        *(entry.path for entry in store.manifest(release).entries if entry.kind == "file"),
        "releases/start_erl.data",
        "releases/RELEASES",
    }


def test_what_otp_reads_first_is_there(store: Store, tmp_path: Path) -> None:
    export(store, put(store), tmp_path / "demo.tar.gz")
    root = unpacked(tmp_path / "demo.tar.gz", tmp_path / "root")
    assert (root / "releases/start_erl.data").read_text() == "13.1.5 0.1.0\n"
    assert (root / "releases/RELEASES").read_text() == (
        '[{release,"demo","0.1.0","13.1.5",'
        '[{kernel,"8.5.3","lib/kernel-8.5.3"},{demo,"0.1.0","lib/demo-0.1.0"}],permanent}].\n'
    )


def test_equal_releases_make_equal_archives(tmp_path: Path) -> None:
    for number in (1, 2):
        store = Store(tmp_path / f"store{number}")
        put(store, replace(RECORD, built_at=f"2024-01-0{number}T00:00:00Z", builder=f"builder{number}"), FILES)
        export(store, store.find("demo", "latest"), tmp_path / f"{number}.tar.gz")
    assert (tmp_path / "1.tar.gz").read_bytes() == (tmp_path / "2.tar.gz").read_bytes()


def test_nobody_owns_the_files_of_an_archive(store: Store, tmp_path: Path) -> None:
    export(store, put(store), tmp_path / "demo.tar.gz")
    with tarfile.open(tmp_path / "demo.tar.gz") as tar:
        assert {(member.uid, member.gid, member.uname) for member in tar} == {(0, 0, "root")}


def test_a_file_that_is_there_is_replaced_only_by_force(store: Store, tmp_path: Path) -> None:
    output = tmp_path / "out" / "demo.tar.gz"
    output.parent.mkdir()
    output.write_text("mine")
    with pytest.raises(StoreError, match="there is a"):
        export(store, put(store), output)
    assert output.read_text() == "mine"
    assert export(store, store.find("demo", "latest"), output, force=True) == output.stat().st_size
    assert tarfile.is_tarfile(output)
    assert list(output.parent.iterdir()) == [output]


def test_a_link_that_leads_nowhere_is_a_file_that_is_there(store: Store, tmp_path: Path) -> None:
    (tmp_path / "demo.tar.gz").symlink_to("nowhere")
    with pytest.raises(StoreError, match="there is a"):
        export(store, put(store), tmp_path / "demo.tar.gz")


def test_a_damaged_release_leaves_no_archive(store: Store, tmp_path: Path) -> None:
    release = put(store, RECORD, FILES)
    one, other = (store.objects.path(sha256(FILES[path])) for path in ("bin/demo", "lib/demo-0.1.0/priv/empty"))
    one.chmod(0o644)
    one.write_bytes(other.read_bytes())
    (tmp_path / "out").mkdir()
    with pytest.raises(StoreError):
        export(store, release, tmp_path / "out/demo.tar.gz")
    assert list((tmp_path / "out").iterdir()) == []


def test_damage_of_the_same_size_is_seen(store: Store, tmp_path: Path) -> None:
    release = put(store, RECORD, {"a": b"one", "b": b"two"})
    path = store.objects.path(sha256(b"one"))
    path.chmod(0o644)
    path.write_bytes(store.objects.path(sha256(b"two")).read_bytes())
    with pytest.raises(StoreError, match="is damaged"):
        export(store, release, tmp_path / "demo.tar.gz")


def test_a_place_that_cannot_be_written_is_told(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot write to .*: No such file"):  # noqa: RUF043
        export(store, put(store, record()), tmp_path / "no/such/directory/demo.tar.gz")
