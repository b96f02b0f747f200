"""The cases of the store: twenty versions of one application, and thousands of releases."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from deliver.otp.manifest import Entry, Manifest
from deliver.store.store import Store
from tests.bench.bench import Bench
from tests.bench.measure import Figure, Row
from tests.bench.wire import Shop
from tests.ship.tree import keep, record

VERSIONS = 20
#: How many times the bytes of one version and the differences of the others may be kept.
MOST = 1.2
#: A store of so many releases, each of so many files, few of them its own.
RELEASES = 2000
FILES, OWN = 600, 5
KEPT = 500


def twenty(bench: Bench) -> Row:
    """Keep twenty consecutive versions, each with three modules of its own: beside an archive of each."""
    shop: Shop = bench.kept("shop", lambda: Shop(bench))
    directory = bench.directory / "twenty"
    tree = directory / "tree"
    tree.mkdir(parents=True)
    subprocess.run(["tar", "-xf", shop.tar("0.1.0"), "-C", tree], check=True)
    store, archives, began = Store(directory / "store"), 0, time.perf_counter()
    sizes, packing = list[int](), 0.0
    for number in range(VERSIONS):
        _next(tree, number)
        keep(store, tree, f"1.{number}.0", name="shop")
        sizes.append(_size(store.path))
        at = time.perf_counter()
        subprocess.run(["tar", "-czf", directory / "one.tar.gz", "-C", tree, "."], check=True)
        archives += (directory / "one.tar.gz").stat().st_size
        packing += time.perf_counter() - at
    ours = Figure(time.perf_counter() - began - packing, sizes[-1])
    further = (sizes[-1] - sizes[0]) / (VERSIONS - 1)
    wanted = f"at most {MOST}x the first one's ({sizes[-1] / sizes[0]:.2f}x, each further one {further / 1e3:.0f} kB)"
    return Row("twenty versions in the store", ours, Figure(packing, archives), wanted, sizes[-1] <= MOST * sizes[0])


def _next(tree: Path, number: int) -> None:
    """Make the tree that of another version: other directories, and three modules that are not the same."""
    (own,) = tree.glob("lib/shop-*")
    (releases,) = (one for one in tree.glob("releases/*") if one.is_dir())
    shutil.move(own, own.with_name(f"shop-1.{number}.0"))
    shutil.move(releases, releases.with_name(f"1.{number}.0"))
    for module in sorted(tree.glob("lib/shop-*/ebin/*.beam"))[number : number + 3]:
        module.write_bytes(module.read_bytes()[:-64] + os.urandom(64))


def _size(path: Path) -> int:
    return int(subprocess.run(["du", "-s", "-B1", path], capture_output=True, check=True).stdout.split()[0])


class Shelf:
    """A store of thousands of releases, and how an operator works on it."""

    def __init__(self, bench: Bench) -> None:
        self.directory = bench.directory / "shelf"
        self.directory.mkdir()
        self.store = Store(self.directory / "store")
        (self.directory / "lib" / "shop-0").mkdir(parents=True)
        (self.directory / "deliver.toml").write_text('app = "shop"\nstore = "store"\n')
        with self.store.writer() as writer:
            shared = [_file(writer.add, f"lib/dep-1.0.0/ebin/m{n}.beam") for n in range(FILES)]
            for number in range(RELEASES):
                version = f"1.{number}.0"
                own = [_file(writer.add, f"lib/shop-{version}/ebin/o{n}.beam") for n in range(OWN)]
                release = record(self.directory, version, name="shop")
                writer.publish(release, Manifest.of([*shared, *own]))

    def deliver(self, *words: str) -> Figure:
        """Run one task; return its seconds."""
        began = time.perf_counter()
        argv = [str(Path(sys.executable).with_name("deliver")), *words]
        done = subprocess.run(argv, cwd=self.directory, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return Figure(time.perf_counter() - began)


def _file(add: Callable[[str, list[bytes]], int], path: str) -> Entry:
    data = f"the content of {path}".encode()
    digest = hashlib.sha256(data).hexdigest()
    add(digest, [data])
    return Entry(path, "file", 0o644, len(data), digest)


def _thousands(bench: Bench, case: str, seconds: float, plain: str, *words: str) -> Row:
    shelf = bench.kept("shelf", lambda: Shelf(bench))
    began = time.perf_counter()
    subprocess.run(["sh", "-c", plain], cwd=shelf.store.path, stdout=subprocess.DEVNULL, check=True)
    theirs = Figure(time.perf_counter() - began)
    ours = shelf.deliver(*words)
    return Row(case, ours, theirs, f"within {seconds:g} s ({ours.seconds:.1f} s)", ours.seconds <= seconds)


def listing(bench: Bench) -> Row:
    """List 2,000 releases: beside reading their records."""
    return _thousands(bench, f"list {RELEASES} releases", 2, "find releases -type f -exec cat {} +", "releases")


def verifying(bench: Bench) -> Row:
    """Read all of their store, and compare: beside hashing its files."""
    return _thousands(bench, f"verify {RELEASES} releases", 30, "find . -type f -exec sha256sum {} +", "store-verify")


def pruning(bench: Bench) -> Row:
    """Remove three quarters of them: beside listing the files of the store."""
    words = ("prune", "--keep", str(KEPT))
    return _thousands(bench, f"prune {RELEASES} releases to {KEPT}", 15, "find . -type f -exec stat {} +", *words)


CASES: dict[str, Callable[[Bench], Row]] = {
    "store-twenty": twenty,
    "store-list": listing,
    "store-verify": verifying,
    "store-prune": pruning,
}
