"""Killing an installation wherever it can be killed: a host is as before or as after, and the next run converges."""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deliver.config.schema import Content
from deliver.errors import DeliverError, RemoteError
from deliver.remote.completed import Completed
from deliver.remote.local import LocalSession
from deliver.remote.script import Script
from deliver.secret import Secret
from tests.ship.bench import Bench, snapshot

#: What changes a host; all of it runs through these programs, and each start of one is a moment to die.
PROGRAMS = ("awk", "chmod", "cp", "mkdir", "mv", "rm", "tar")

DEADLY = """#!/bin/sh
# Ends the whole process group when its turn has come.
count=$(($(/bin/cat "$DEATH/count" 2>/dev/null || echo 0) + 1))
echo "$count" >"$DEATH/count"
[ "$count" != "$(/bin/cat "$DEATH/turn")" ] || kill -KILL 0
exec {program} "$@"
"""


@pytest.fixture
def death(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory: `turn` names the start of a program at which everything dies, `count` those so far."""
    tools = tmp_path / "deadly tools"
    tools.mkdir()
    for name in PROGRAMS:
        (tools / name).write_text(DEADLY.format(program=shutil.which(name)))
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/sbin:/usr/bin:/sbin:/bin")
    monkeypatch.setenv("DEATH", str(tmp_path))
    (tmp_path / "turn").write_text("never\n")
    return tmp_path


def furnished(base: Path) -> Bench:
    base.mkdir()
    bench = Bench(base)
    bench.files = {"releases/{version}/sys.config": Content(text="mine"), "etc/mine": Content(text="the same")}
    bench.cookie = Secret("THECOOKIE")
    for version in ("0.1.0", "0.2.0", "0.3.0"):
        bench.tree(version)
    return bench


def copied(origin: Bench, home: Path) -> Bench:
    shutil.copytree(origin.base, home, symlinks=True)
    return Bench(home, files=origin.files, cookie=origin.cookie)


def dies(bench: Bench, death: Path, version: str, turn: int) -> bool:
    """Deploy, and die at that turn; return whether it came to that."""
    (death / "count").write_text("0\n")
    (death / "turn").write_text(f"{turn}\n")
    try:
        bench.deploy(version)
    except DeliverError:
        died = True
    else:
        died = False
    (death / "turn").write_text("never\n")
    return died


def assert_settled(bench: Bench) -> None:
    assert list((bench.root() / ".deliver/incoming").iterdir()) == []
    assert not (bench.root() / ".deliver/lock").exists()


def same_but_for_places(found: dict[str, tuple[int, str]]) -> dict[str, tuple[int, str]]:
    """Leave out what names the directory itself."""
    return {path: what for path, what in found.items() if not path.endswith(("RELEASES", "release.term"))}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, tuple[int, str]]]:
    """What a host has after deployments that nobody disturbed."""
    found = {}
    for versions in (("0.1.0",), ("0.1.0", "0.2.0"), ("0.1.0", "0.3.0"), ("0.1.0", "0.2.0", "0.3.0")):
        bench = furnished(tmp_path_factory.mktemp("undisturbed") / "bench")
        for version in versions:
            bench.deploy(version)
        found[" ".join(versions)] = same_but_for_places(snapshot(bench.root()))
    return found


@pytest.mark.slow
def test_a_first_installation_may_be_killed_anywhere(
    death: Path, tmp_path: Path, expected: dict[str, dict[str, tuple[int, str]]]
) -> None:
    origin = furnished(tmp_path / "origin")
    home = tmp_path / "bench"
    for turn in itertools.count(1):
        bench = copied(origin, home)
        died = dies(bench, death, "0.1.0", turn)
        bench.deploy("0.1.0")
        assert same_but_for_places(snapshot(bench.root())) == expected["0.1.0"], f"at turn {turn}"
        assert_settled(bench)
        shutil.rmtree(home)
        if not died:
            break
    assert turn > 20


@pytest.mark.slow
def test_a_second_version_may_be_killed_anywhere_whatever_comes_next(
    death: Path, tmp_path: Path, expected: dict[str, dict[str, tuple[int, str]]]
) -> None:
    origin = furnished(tmp_path / "origin")
    origin.deploy("0.1.0")
    before = snapshot(origin.root())
    home = tmp_path / "bench"
    for turn in itertools.count(1):
        bench, following = copied(origin, home), ("0.2.0", "0.3.0")[turn % 2]
        died = dies(bench, death, "0.2.0", turn)
        after = snapshot(bench.root())
        assert {path: after.get(path) for path in before} == before, f"at turn {turn}"
        came_through = ".deliver/versions/0.2.0/manifest" in after
        bench.deploy(following)
        versions = "0.1.0 0.2.0 0.3.0" if came_through and following == "0.3.0" else f"0.1.0 {following}"
        assert same_but_for_places(snapshot(bench.root())) == expected[versions], f"at turn {turn}"
        assert_settled(bench)
        shutil.rmtree(home)
        if not died:
            break
    assert turn > 20


class Cut(LocalSession):
    """A session whose operator dies after some share of the stream."""

    share = 1.0

    def run(self, script: Script, *, stdin: Iterable[bytes] | None = None, **options: Any) -> Completed:
        return super().run(script, stdin=None if stdin is None else cut(stdin, self.share), **options)


def cut(chunks: Iterable[bytes], share: float) -> Iterator[bytes]:
    data = b"".join(chunks)
    yield data[: int(share * len(data))]


@pytest.mark.usefixtures("shell")
@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 0.5, 0.9, 0.99])
def test_a_stream_that_ends_early_leaves_the_host_as_it_was(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    bench.tree("0.1.0")
    tree = bench.tree("0.2.0", **{"lib__demo-0.2.0__priv__large": random.Random(1).randbytes(250_000)})  # noqa: S311  # must not compress
    bench.deploy("0.1.0")
    before = snapshot(bench.root())
    with monkeypatch.context() as patch:
        patch.setattr("deliver.remote.connect.LocalSession", Cut)
        patch.setattr(Cut, "share", share)
        with pytest.raises(RemoteError, match="it is as it was before"):
            bench.deploy("0.2.0")
    assert snapshot(bench.root()) == before
    assert_settled(bench)
    bench.deploy("0.2.0")
    assert (bench.root() / ".deliver/versions/0.2.0/manifest").read_text() == tree.manifest.text
