"""Pairs of releases that come as archives, or that the store has: nothing of them is built."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deliver.config.schema import LOCAL, Build, Config, Host, Rehearsal
from deliver.errors import StoreError, UsageError
from deliver.otp.upgrade.pair import Pair
from deliver.store.importing import import_archive
from deliver.store.store import Store
from deliver.upgrade.flow import Request, build_upgrade
from deliver.upgrade.sides import Side, Sides, Stored
from tests.build.workshop import Story
from tests.ports import own_ports
from tests.store.test_import import SMALL, archive
from tests.upgrade.archives import mix_archives, rebar3_archives, with_files

slow = pytest.mark.slow


@dataclass
class Place:
    """Where pairs are made: no repository is in reach."""

    config: Config
    story: Story = field(default_factory=Story)

    @classmethod
    def make(cls, path: Path, app: str) -> Place:
        build = Build(host=Host(LOCAL, path=str(path / "build host")))
        rehearsal = Rehearsal(env=own_ports())
        file = path / "deliver.toml"
        return cls(Config(file, app, path / "nowhere", store=path / "store", build=build, rehearsal=rehearsal))

    @property
    def store(self) -> Store:
        return Store(self.config.store)

    def pair(self, old: Side, new: Side, target: str = "") -> Pair:
        return build_upgrade(self.config, self.store, self.story, Request(old, new, target=target)).pair


@pytest.fixture(scope="module")
def bells(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return rebar3_archives(tmp_path_factory.mktemp("bells"))


def small(path: Path, version: str, **more: bytes) -> Path:
    """Write the archive of a release that nothing could boot."""
    files = {name.replace("0.1.0", version): text.replace(b"0.1.0", version.encode()) for name, text in SMALL.items()}
    return archive(path / f"demo-{version}.tar.gz", {**files, **more})


@slow
def test_archives_of_mix_are_imported_proven_and_not_imported_again(tmp_path: Path) -> None:
    place = Place.make(tmp_path, "counter")
    old, new = mix_archives(tmp_path / "made")
    pair = place.pair(old, new)
    assert (pair.verdict, pair.reasons) == ("hot", ())
    assert [one.version for one in place.store.releases("counter")] == ["0.1.0", "0.2.0"]
    assert [one for one in place.story.steps if "from counter-" in one] == [
        "counter 0.1.0 (linux-x86_64-glibc) from counter-0.1.0.tar.gz",
        "counter 0.2.0 (linux-x86_64-glibc) from counter-0.2.0.tar.gz",
    ]
    before = list(place.story.steps)
    assert place.pair(old, new) == pair
    assert place.pair(Stored("v0.1.0"), new) == pair
    assert place.story.steps == before


@slow
def test_an_archive_made_by_hand_may_have_what_a_host_left_in_it(tmp_path: Path, bells: list[Path]) -> None:
    left = {"releases/RELEASES": b"[].\n", "releases/0.2.0/relup": b"no relup of ours", "releases/COOKIE": b"x"}
    place = Place.make(tmp_path, "bell")
    pair = place.pair(bells[0], with_files(bells[1], tmp_path, left))
    assert (pair.verdict, pair.reasons) == ("hot", ())
    assert "deliver_relup" in b"".join(place.store.read(pair.files["relup"])).decode()


@slow
def test_without_an_erts_it_is_the_start_script_that_decides(tmp_path: Path) -> None:
    """relx's makes Erlang call the release's directory its root; with that of mix, it is the system's own."""
    made = {
        "bell": rebar3_archives(tmp_path, mode="{dev_mode, false}, {include_erts, false}"),
        "counter": mix_archives(tmp_path, erts=False),
    }
    with pytest.raises(UsageError, match="does not say what it runs on"):
        Place.make(tmp_path, "bell").pair(made["bell"][0], made["bell"][1])
    pairs = {app: Place.make(tmp_path, app).pair(old, new, "linux-x86_64-glibc") for app, (old, new) in made.items()}
    assert (pairs["bell"].verdict, pairs["bell"].reasons) == ("hot", ())
    assert pairs["counter"].verdict == "restart"
    assert "its release_handler works in" in pairs["counter"].reasons[0]


def test_an_archive_for_other_machines_stays_unproven_and_says_why(tmp_path: Path) -> None:
    place = Place.make(tmp_path, "demo")
    pair = place.pair(small(tmp_path, "0.1.0"), small(tmp_path, "0.2.0"), "linux-riscv64-musl")
    assert pair.verdict == "unproven"
    (reason,) = pair.reasons
    assert reason.startswith("it cannot boot on the build host, which is linux-")
    assert reason.endswith("and demo 0.2.0 was built for linux-riscv64-musl")
    assert [one.verdict for one in place.store.pairs("demo")] == ["unproven"]


def test_archives_for_two_kinds_of_machines_are_no_pair(tmp_path: Path) -> None:
    place = Place.make(tmp_path, "demo")
    import_archive(place.store, small(tmp_path, "0.1.0"), by="", target="linux-riscv64-musl")
    with pytest.raises(UsageError, match=r"0\.1\.0 was built for linux-riscv64-musl, 0\.2\.0 for linux-x86_64-glibc"):
        place.pair(Stored("0.1.0"), imported(place, small(tmp_path, "0.2.0"), "linux-x86_64-glibc"))
    imported(place, small(tmp_path, "0.1.0"), "linux-x86_64-glibc")
    found = Sides(place.config, place.store, place.story).find(Stored("0.1.0"), Stored("0.2.0"))
    assert {str(one.target) for one in found} == {"linux-x86_64-glibc"}


def imported(place: Place, file: Path, target: str) -> Stored:
    return Stored(import_archive(place.store, file, by="", target=target).version)


def test_an_archive_with_other_content_than_the_store_has_is_refused_as_import_does(tmp_path: Path) -> None:
    place = Place.make(tmp_path, "demo")
    imported(place, small(tmp_path, "0.1.0"), "linux-riscv64-musl")
    other = small(tmp_path, "0.1.0", **{"lib/demo-0.1.0/priv/more": b"more"})
    with pytest.raises(StoreError, match=r"has demo 0\.1\.0 .* with other content.*priv/more differ"):
        place.pair(other, Stored("0.2.0"), "linux-riscv64-musl")


def test_an_archive_that_is_broken_or_of_something_else_is_told(tmp_path: Path) -> None:
    place = Place.make(tmp_path, "demo")
    whole = small(tmp_path, "0.1.0").read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(whole[:-20])
    with pytest.raises(StoreError, match=r"cut\.tar\.gz is no whole tar archive"):
        place.pair(tmp_path / "cut.tar.gz", Stored("0.2.0"))
    place = Place.make(tmp_path, "other")
    with pytest.raises(UsageError, match="has the release demo, not other"):
        place.pair(small(tmp_path, "0.1.0"), Stored("0.2.0"), "linux-riscv64-musl")
    assert place.store.releases() == []


def test_a_stored_release_is_never_built(tmp_path: Path) -> None:
    place = Place.make(tmp_path, "demo")
    with pytest.raises(UsageError, match=r"the store has no demo 0\.1\.0") as caught:
        place.pair(Stored("v0.1.0"), "0.2.0")
    assert "it has no release of it" in caught.value.hint
    imported(place, small(tmp_path, "0.3.0"), "linux-riscv64-musl")
    with pytest.raises(UsageError, match=r"the store has no demo 0\.1\.0") as caught:
        place.pair(Stored("v0.1.0"), "0.2.0")
    assert "it has: 0.3.0 (linux-riscv64-musl)" in caught.value.hint
