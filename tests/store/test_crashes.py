"""The store under killed writers, several of them at once, and disks that refuse."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from deliver.errors import StoreError
from deliver.store.prune import remove
from deliver.store.store import Store
from deliver.store.verify import verify
from tests.store.samples import put, put_with, record, sha256, tree

SPAWN = multiprocessing.get_context("spawn")
FORK = multiprocessing.get_context("fork")


def dice(seed: object) -> random.Random:
    return random.Random(str(seed))  # noqa: S311  # tests want the same bytes and moments each time


def files_of(version: str, count: int = 60) -> dict[str, bytes]:
    """Return files of which half are the same in every version, some of them of several blocks."""
    noise = dice(version)
    own = {f"own/{number}": noise.randbytes(noise.choice([10, 5000, 200_000])) for number in range(count // 2)}
    return own | {f"shared/{number}": dice(number).randbytes(3000) for number in range(count // 2)}


def write(path: Path, versions: list[str]) -> None:
    for version in versions:
        put(Store(path), record(version), files_of(version))


def write_in_one_go(path: Path, versions: list[str]) -> None:
    with Store(path).writer() as writer:
        for version in versions:
            put_with(writer, record(version), files_of(version))


def prune_again_and_again(path: Path, stop: str) -> None:
    store = Store(path)
    while not (path.parent / stop).exists():
        with store.alone():
            remove(store, [])
        time.sleep(0.01)


def run(*processes: BaseProcess) -> None:
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * len(processes)


def test_a_writer_killed_at_any_moment_leaves_the_store_as_before_or_as_after(store: Store) -> None:
    put(store, record("0.0.0"), files_of("0.0.0"))
    began = time.monotonic()
    put(store, record("0.0.1"), files_of("0.0.1"))
    longest = 2 * (time.monotonic() - began)
    moment = dice(7)
    seen = set()
    for number in range(40):
        version = f"0.1.{number}"
        process = FORK.Process(target=write, args=(store.path, [version]))
        process.start()
        time.sleep(moment.uniform(0, longest))
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        versions = [one.version for one in store.releases()]
        assert "0.0.1" in versions
        assert all(store.is_whole(one) for one in store.releases())
        seen.add(version in versions)
        kept = put(store, record(version), files_of(version))
        assert store.built(kept.commit, kept.recipe) == kept
    assert seen == {False, True}
    assert verify(store).faults == ()


def test_the_making_of_a_store_may_be_killed_too(tmp_path: Path) -> None:
    for number in range(25):
        path = tmp_path / str(number)
        process = FORK.Process(target=write, args=(path, ["0.1.0"]))
        process.start()
        time.sleep(number / 3000)
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        put(Store(path), record("0.2.0"))
        assert verify(Store(path)).faults == ()


def test_a_prune_killed_at_any_moment_leaves_whole_releases(store: Store) -> None:
    moment = dice(3)
    put(store, record("9.0.0"), files_of("9.0.0"))
    for number in range(20):
        old = put(store, record(f"0.1.{number}"), files_of(f"0.1.{number}"))
        process = FORK.Process(target=prune, args=(store.path, old.version))
        process.start()
        time.sleep(moment.uniform(0, 0.03))
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        assert all(store.is_whole(one) for one in store.releases())
        assert "9.0.0" in {one.version for one in store.releases()}
    with store.alone():
        remove(store, [one for one in store.releases() if one.version != "9.0.0"])
    report = verify(store)
    assert (report.faults, report.unused, report.releases) == ((), 0, 1)


def prune(path: Path, version: str) -> None:
    store = Store(path)
    with store.alone():
        remove(store, [store.find("demo", version)])


def test_several_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store"
    versions = [[f"{writer}.{number}.0" for number in range(6)] for writer in range(4)]
    run(*(SPAWN.Process(target=write, args=(path, own)) for own in versions))
    store = Store(path)
    assert {one.version for one in store.releases()} == {version for own in versions for version in own}
    assert verify(store).faults == ()
    assert list((path / "tmp").iterdir()) == []


def test_several_writers_of_the_same_release_agree(tmp_path: Path) -> None:
    path = tmp_path / "store"
    run(*(SPAWN.Process(target=write, args=(path, ["0.1.0", "0.2.0"])) for _ in range(4)))
    assert [one.version for one in Store(path).releases()] == ["0.1.0", "0.2.0"]
    assert verify(Store(path)).faults == ()


def test_who_prunes_beside_writers_takes_nothing_from_them(tmp_path: Path) -> None:
    path = tmp_path / "store"
    pruner = SPAWN.Process(target=prune_again_and_again, args=(path, "stop"))
    pruner.start()
    run(*(SPAWN.Process(target=write, args=(path, [f"{writer}.{n}.0" for n in range(5)])) for writer in range(3)))
    (tmp_path / "stop").touch()
    pruner.join(60)
    assert pruner.exitcode == 0
    store = Store(path)
    assert len(store.releases()) == 15
    assert verify(store).faults == ()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=755", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.hosts
def test_a_full_disk_is_told_and_leaves_the_store_as_it_was(small_disk: Path) -> None:
    store = Store(small_disk / "store")
    kept = put(store)
    before = tree(store.path)
    content = os.urandom(4 << 20)
    with store.writer() as writer, pytest.raises(StoreError, match="No space left") as caught:
        writer.add(sha256(content), [content[:100], content[100:]])
    assert caught.value.code == 73
    assert "free space" in caught.value.hint
    assert tree(store.path) == before
    assert list((store.path / "tmp").iterdir()) == []
    assert store.find("demo", "0.1.0") == kept


@pytest.mark.hosts
def test_a_read_only_disk_is_told(small_disk: Path) -> None:
    store = Store(small_disk / "store")
    kept = put(store)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert store.find("demo", "latest") == kept
    with store.reader():
        assert store.manifest(kept).entries
    with pytest.raises(StoreError, match="Read-only file system") as caught:
        put(store, record("0.2.0"))
    assert "right to read and write" in caught.value.hint


def test_a_path_that_cannot_be_a_store_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "store")
    for use in (store.releases, lambda: put(store), lambda: store.missing(["0" * 64])):
        with pytest.raises(StoreError, match="Not a directory"):
            use()


def test_a_store_that_this_user_may_not_enter_is_told(store: Store) -> None:
    put(store)
    store.path.chmod(0o700)
    store.path.parent.chmod(0o755)
    run(FORK.Process(target=be_nobody_and_read, args=(store.path,)))


def be_nobody_and_read(path: Path) -> None:
    if os.geteuid() == 0:
        os.seteuid(65534)
    else:
        path.chmod(0)
    with pytest.raises(StoreError, match="Permission denied") as caught:
        Store(path).releases()
    assert "right to read and write" in caught.value.hint
