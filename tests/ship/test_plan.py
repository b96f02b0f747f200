"""What a host lacks, decided from values."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from deliver.errors import TargetError
from deliver.node.facts import Facts
from deliver.otp.manifest import Entry, Manifest
from deliver.otp.release import Release, Target
from deliver.ship.plan import FOUND, TOOLS, Shipment, plan, problems

GB = 10**9


def file(path: str, content: str, mode: int = 0o644) -> Entry:
    return Entry(path, "file", mode, len(content), hashlib.sha256(content.encode()).hexdigest())


def manifest(*entries: Entry) -> Manifest:
    return Manifest.of(list(entries))


def version(number: str) -> Manifest:
    return manifest(
        file("bin/demo", "the same script", 0o755),
        file("erts-13.1/bin/beam.smp", "beam", 0o755),
        file(f"lib/demo-{number}/ebin/same.beam", "same"),
        file(f"lib/demo-{number}/ebin/other.beam", f"other {number}"),
        file("lib/dep-1.0/ebin/dep.beam", "dep"),
        file(f"releases/{number}/start.boot", f"boot {number}"),
    )


def release(number: str = "2") -> Release:
    target = Target("linux", "x86_64", "glibc", "2.31", "13.1")
    return Release(
        name="demo",
        version=number,
        target=target,
        applications=(),
        kind="mix",
        includes_erts=True,
        commit="",
        tag="",
        recipe="",
        toolchain={},
        builder="",
        build_host="",
        built_at="2026-01-01T00:00:00Z",
        manifest="",
        size=0,
        new_bytes=0,
    )


def facts(**changes: object) -> Facts:
    known = Facts(
        host="prod1",
        root="/srv/demo",
        exists=True,
        target=Target("linux", "x86_64", "glibc", "2.36"),
        user="deploy",
        home="/home/deploy",
        free=GB,
        free_inodes=10**6,
        tools=frozenset({*TOOLS, "gzip"}),
    )
    return replace(known, **changes)  # type: ignore[arg-type]


def paths(entries: tuple[Entry, ...]) -> list[str]:
    return [entry.path for entry in entries]


def test_an_empty_host_gets_everything() -> None:
    shipment = plan(release(), version("2"), {})
    assert shipment.send == version("2").entries
    assert not shipment.copies
    assert not shipment.keep
    assert shipment.base is None


def test_the_next_version_sends_only_what_is_new() -> None:
    shipment = plan(release(), version("2"), {"1": version("1")})
    assert paths(shipment.send) == ["lib/demo-2/ebin/other.beam", "releases/2/start.boot"]
    assert {copy.entry.path: copy.source for copy in shipment.copies} == {
        "bin/demo": ".deliver/versions/1/unversioned/bin/demo",
        "lib/demo-2/ebin/same.beam": "lib/demo-1/ebin/same.beam",
    }
    assert paths(shipment.keep) == ["erts-13.1/bin/beam.smp", "lib/dep-1.0/ebin/dep.beam"]
    assert paths(shipment.unversioned) == ["bin/demo"]
    assert shipment.base == "1"


def test_the_manifest_is_told_from_the_version_that_is_most_alike() -> None:
    far = manifest(file("lib/demo-0/ebin/demo.beam", "far"))
    shipment = plan(release(), version("2"), {"9": far, "1": version("1"), "8": far})
    assert shipment.base == "1"


def test_every_file_is_sent_copied_or_kept_once() -> None:
    shipment = plan(release(), version("2"), {"1": version("1")})
    copied = tuple(copy.entry for copy in shipment.copies)
    assert sorted((*shipment.send, *copied, *shipment.keep)) == list(version("2").entries)


def test_what_lies_on_a_host_without_deliver_is_taken_where_it_is() -> None:
    shipment = plan(release(), version("2"), {FOUND: version("1")})
    assert {copy.entry.path: copy.source for copy in shipment.copies}["bin/demo"] == "bin/demo"
    assert shipment.base is None


def test_damaged_copies_are_sent() -> None:
    shipment = plan(release(), version("2"), {"1": version("1")}, resend={"bin/demo"})
    assert "bin/demo" in paths(shipment.send)


def test_a_file_with_another_mode_is_sent_not_copied() -> None:
    old = manifest(file("lib/demo-1/priv/tool", "tool", 0o644))
    new = manifest(file("lib/demo-2/priv/tool", "tool", 0o755))
    assert paths(plan(release(), new, {"1": old}).send) == ["lib/demo-2/priv/tool"]


def test_a_link_is_sent_unless_it_is_there() -> None:
    link = Entry("lib/demo-2/priv/now", "link", 0o777, 0, "0" * 64, "then")
    assert plan(release(), manifest(link), {}).send == (link,)
    assert plan(release(), manifest(link), {FOUND: manifest(link)}).keep == (link,)


def test_other_content_in_the_same_directory_is_refused_with_its_name() -> None:
    old = manifest(*version("1").entries, file("lib/helper-1.0/ebin/helper.beam", "old"))
    new = manifest(
        *version("2").entries[1:],
        file("lib/helper-1.0/ebin/helper.beam", "new"),
    )
    with pytest.raises(TargetError, match=r"lib/helper-1\.0 of 1: lib/helper-1\.0/ebin/helper\.beam") as caught:
        plan(release(), new, {"1": old})
    assert caught.value.hint.endswith("give these a new version: helper-1.0")


def test_other_content_in_the_runtime_or_the_release_itself_is_refused() -> None:
    new = manifest(file("erts-13.1/bin/beam.smp", "x", 0o755), file("releases/2/sys.config", "x"))
    old = manifest(file("erts-13.1/bin/beam.smp", "y", 0o755), file("releases/2/sys.config", "y"))
    with pytest.raises(TargetError) as caught:
        plan(release(), new, {FOUND: old})
    assert "erts-13.1 of what was found there" in caught.value.message
    assert "releases/2 of what was found there" in caught.value.message


def test_files_that_versions_share_by_name_may_differ() -> None:
    old, new = (manifest(file("bin/demo", text, 0o755)) for text in ("old", "new"))
    assert paths(plan(release(), new, {"1": old}).send) == ["bin/demo"]


def test_who_else_may_read_a_file_makes_no_difference() -> None:
    old = manifest(file("lib/dep-1.0/ebin/dep.beam", "dep", 0o664))
    new = manifest(file("lib/dep-1.0/ebin/dep.beam", "dep", 0o644))
    assert plan(release(), new, {FOUND: old}).keep == new.entries


def test_the_configurations_own_files_are_neither_conflicts_nor_sources() -> None:
    own = {"releases/{version}/vm.args"}
    old = manifest(file("releases/1/vm.args", "as released"))
    new = manifest(file("releases/2/vm.args", "as released"))
    shipment = plan(release(), new, {"1": old, FOUND: manifest(file("releases/2/vm.args", "mine"))}, templates=own)
    assert paths(shipment.send) == ["releases/2/vm.args"]


@pytest.mark.parametrize("name", ["lib/a-1/back\\slash", "lib/a-1/tab\there", "lib/a-1/esc\x1b"])
def test_names_that_scripts_cannot_tell_are_refused(name: str) -> None:
    with pytest.raises(TargetError, match="control character or a backslash"):
        plan(release(), manifest(file(name, "x")), {})


@pytest.mark.parametrize("number", ["../1", "1 2", "", ".", "1/2", "-rf"])
def test_versions_that_are_no_directory_names_are_refused(number: str) -> None:
    with pytest.raises(TargetError, match="cannot be a directory's name"):
        plan(release(number), manifest(), {})


def shipment() -> Shipment:
    return plan(release(), version("2"), {})


def test_a_host_that_fits_has_no_problems() -> None:
    assert list(problems(shipment(), facts())) == []


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (Target("linux", "aarch64", "glibc", "2.36"), "is linux-aarch64-glibc, and demo 2 was built for linux-x86_64"),
        (Target("darwin", "x86_64", "unknown"), "is darwin-x86_64-unknown"),
        (Target("linux", "x86_64", "musl", "1.2.3"), "is linux-x86_64-musl"),
        (Target("linux", "x86_64", "glibc", "2.28"), "has glibc 2.28, and demo 2 needs 2.31"),
        (Target("linux", "x86_64", "glibc", "2.4"), "has glibc 2.4, and demo 2 needs 2.31"),
    ],
)
def test_a_host_that_cannot_run_it_is_told(target: Target, told: str) -> None:
    (problem,) = problems(shipment(), facts(target=target))
    assert told in problem


def test_a_libc_that_nobody_knows_is_given_a_chance() -> None:
    assert not list(problems(shipment(), facts(target=Target("linux", "x86_64", "unknown"))))


def test_all_problems_are_told_at_once() -> None:
    told = "\n".join(problems(shipment(), facts(free=1000, free_inodes=3, tools=frozenset({"tar"}))))
    assert "0.0 MB free" in told
    assert "room for 3 more files" in told
    assert "has no awk, cmp, find, sha256sum, stat, xargs, gzip" in told


def test_a_file_system_that_does_not_count_files_has_room() -> None:
    assert not list(problems(shipment(), facts(free_inodes=-1)))
