"""Installing on directories of this machine, with every shell that hosts may have."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deliver.config.schema import Content
from deliver.errors import LockedError, RemoteError, TargetError, UsageError
from deliver.remote.script import Script, payload
from deliver.secret import Secret
from deliver.ship.flow import Deployment
from tests.ship.bench import Bench, snapshot

pytestmark = pytest.mark.usefixtures("shell")


def row(deployment: Deployment) -> tuple[str, int]:
    (only,) = deployment.rows.values()
    return only.state, only.files


def without_start_scripts(found: dict[str, tuple[int, str]]) -> dict[str, tuple[int, str]]:
    passing = ("bin/", "releases/RELEASES", "releases/start_erl.data")
    return {path: what for path, what in found.items() if not path.startswith(passing)}


def journal(root: Path) -> list[tuple[str, str, str]]:
    lines = [json.loads(line) for line in (root / ".deliver/journal").read_text().splitlines()]
    return [(line["action"], line["version"], line["outcome"]) for line in lines]


def test_a_first_version_is_complete_and_the_one_to_start(bench: Bench) -> None:
    tree = bench.tree("0.1.0")
    assert row(bench.deploy("0.1.0")) == ("installed", len(tree.manifest.entries))
    root = bench.root()
    found = snapshot(root)
    for entry in tree.manifest.entries:
        content = f"-> {entry.target}" if entry.kind == "link" else entry.sha256
        assert found[entry.path] == (entry.mode, content)
    assert (root / "releases/start_erl.data").read_text() == "13.1.5 0.1.0\n"
    assert (root / ".deliver/versions/0.1.0/manifest").read_text() == tree.manifest.text
    assert json.loads((root / ".deliver/versions/0.1.0/release.json").read_text())["version"] == "0.1.0"
    assert f'"{root}/lib/demo-0.1.0"' in (root / "releases/RELEASES").read_text()
    assert (root / "releases/RELEASES").read_text().endswith("],permanent}].\n")
    assert list((root / ".deliver/incoming").iterdir()) == []
    assert not (root / ".deliver/lock").exists()
    assert journal(root) == [("activate", "0.1.0", "ok"), ("install", "0.1.0", "ok")]


def test_a_second_version_stands_beside_the_first_and_starts_nothing(bench: Bench) -> None:
    bench.tree("0.1.0")
    tree = bench.tree("0.2.0")
    bench.deploy("0.1.0")
    before = snapshot(bench.root())
    deployment = bench.deploy("0.2.0")
    after = snapshot(bench.root())
    assert {path: after[path] for path in before} == before
    expected = {entry.path for entry in tree.manifest.entries if entry.path.startswith(("lib/demo-", "releases/"))}
    assert expected <= set(after)
    assert row(deployment)[1] < len(expected)
    assert (bench.root() / "releases/start_erl.data").read_text() == "13.1.5 0.1.0\n"
    assert (bench.root() / ".deliver/versions/0.2.0/manifest").read_text() == tree.manifest.text


def test_nothing_is_done_twice_and_one_script_tells(bench: Bench) -> None:
    bench.tree("0.1.0")
    bench.deploy("0.1.0")
    bench.heard.everything.clear()
    deployment = bench.deploy("latest")
    assert deployment.is_idle
    assert row(deployment) == ("present", 0)
    assert len(bench.heard.everything) == 1


def blobs(bench: Bench) -> bytes:
    """Deploy a version with what cannot be compressed, and keep one that differs from it by a little."""
    old = os.urandom(400_000)
    new = old[:200_000] + b"a little" + old[200_000:]
    bench.tree("0.1.0", **{"lib__demo-0.1.0__priv__blob": old})
    bench.tree("0.2.0", **{"lib__demo-0.2.0__priv__blob": new})
    bench.deploy("0.1.0")
    return new


def test_a_file_that_changed_a_little_is_told_from_what_the_host_has(bench: Bench, shell: str) -> None:
    new = blobs(bench)
    (told,) = bench.deploy("0.2.0").rows.values()
    assert (bench.root() / "lib/demo-0.2.0/priv/blob").read_bytes() == new
    assert (told.sent < 5_000) == (shell != "busybox")
    assert bench.heard.warnings == []
    assert list((bench.root() / ".deliver/incoming").iterdir()) == []


def test_where_the_host_has_other_files_than_it_should_all_is_sent(bench: Bench, shell: str) -> None:
    new = blobs(bench)
    (bench.root() / "lib/demo-0.1.0/priv/blob").write_bytes(b"rotten")
    (told,) = bench.deploy("0.2.0").rows.values()
    assert (bench.root() / "lib/demo-0.2.0/priv/blob").read_bytes() == new
    assert told.sent > 400_000
    unlike = ["prod1: has other files than it should, so all of what it lacks is sent"]
    assert bench.heard.warnings == ([] if shell == "busybox" else unlike)


def test_older_versions_can_come_later(bench: Bench) -> None:
    bench.tree("0.1.0")
    bench.tree("0.2.0")
    bench.deploy("0.2.0")
    assert row(bench.deploy("0.1.0"))[0] == "installed"
    assert (bench.root() / "releases/start_erl.data").read_text() == "13.1.5 0.2.0\n"


def test_a_version_that_the_store_does_not_have_is_refused_with_those_it_has(bench: Bench) -> None:
    bench.tree("0.1.0")
    with pytest.raises(UsageError) as caught:
        bench.deploy("0.1")
    assert "0.1.0" in caught.value.hint
    assert not bench.root().exists()


def test_a_release_deployed_by_hand_is_taken_over(bench: Bench) -> None:
    old = bench.tree("0.1.0")
    new = bench.tree("0.2.0")
    shutil.copytree(old.path, bench.root(), symlinks=True)
    (bench.root() / "releases/start_erl.data").write_text("13.1.5 0.1.0")
    (bench.root() / "releases/COOKIE").write_text("FROMBEFORE")
    (bench.root() / "lib/dep-1.0.0/ebin/dep.beam").chmod(0o664)
    before = snapshot(bench.root())
    deployment = bench.deploy("0.2.0")
    after = snapshot(bench.root())
    assert {path: after[path] for path in before} == before
    assert 0 < row(deployment)[1] < len(new.manifest.entries) - 5


def test_a_version_that_was_deployed_by_hand_becomes_ours(bench: Bench) -> None:
    tree = bench.tree("0.1.0")
    shutil.copytree(tree.path, bench.root(), symlinks=True)
    assert row(bench.deploy("0.1.0")) == ("installed", 0)
    assert row(bench.deploy("0.1.0")) == ("present", 0)


def test_other_content_under_a_name_that_was_deployed_by_hand_is_refused(bench: Bench) -> None:
    old = bench.tree("0.1.0")
    bench.tree("0.2.0")
    shutil.copytree(old.path, bench.root(), symlinks=True)
    (bench.root() / "lib/dep-1.0.0/ebin/dep.beam").write_text("patched on the host")
    before = snapshot(bench.root())
    with pytest.raises(TargetError, match=r"^prod1: .*\n.*lib/dep-1\.0\.0 of what was found there"):
        bench.deploy("0.2.0")
    assert snapshot(bench.root()) == before


def test_a_directory_without_a_version_bump_is_refused_before_anything_moves(bench: Bench) -> None:
    bench.tree("0.1.0")
    bench.tree("0.2.0", **{"lib__dep-1.0.0__ebin__dep.beam": b"changed, with the same version"})
    bench.deploy("0.1.0")
    before = snapshot(bench.root())
    with pytest.raises(TargetError, match=r"lib/dep-1\.0\.0 of 0\.1\.0") as caught:
        bench.deploy("0.2.0")
    assert "dep-1.0.0" in caught.value.hint
    assert snapshot(bench.root()) == before


def test_files_that_the_host_has_damaged_are_sent(bench: Bench) -> None:
    bench.tree("0.1.0")
    tree = bench.tree("0.2.0")
    bench.deploy("0.1.0")
    (bench.root() / "lib/demo-0.1.0/ebin/demo.beam").write_text("rotten")
    (bench.root() / "lib/demo-0.1.0/priv/a file with spaces.txt").unlink()
    deployment = bench.deploy("0.2.0")
    assert row(deployment)[0] == "installed"
    assert "sent anew: lib/demo-0.2.0/ebin/demo.beam, lib/demo-0.2.0/priv/a file" in bench.heard.warnings[0]
    assert (
        snapshot(bench.root())["lib/demo-0.2.0/ebin/demo.beam"][1]
        == tree.manifest.by_path["lib/demo-0.2.0/ebin/demo.beam"].sha256
    )


@pytest.mark.parametrize("how", ["content", "gone", "mode"])
def test_files_in_use_that_are_damaged_are_named_and_left(bench: Bench, how: str) -> None:
    bench.tree("0.1.0")
    bench.tree("0.2.0")
    bench.deploy("0.1.0")
    beam = bench.root() / "erts-13.1.5/bin/beam.smp"
    if how == "content":
        beam.write_text("rotten")
    elif how == "gone":
        beam.unlink()
    else:
        beam.chmod(0o644)
    before = snapshot(bench.root())
    with pytest.raises(TargetError, match=r"damaged: erts-13\.1\.5/bin/beam\.smp"):
        bench.deploy("0.2.0")
    assert snapshot(bench.root()) == before
    assert journal(bench.root())[-1] == ("install", "0.2.0", "failed")


def test_a_file_of_nobodys_in_the_way_stops_it_before_anything_moves(bench: Bench) -> None:
    bench.tree("0.1.0")
    bench.tree("0.2.0")
    bench.deploy("0.1.0")
    stranger = bench.root() / "lib/demo-0.2.0/ebin/demo.app"
    stranger.parent.mkdir(parents=True)
    stranger.write_text("somebody's")
    before = snapshot(bench.root())
    with pytest.raises(TargetError, match=r"in the way: lib/demo-0\.2\.0/ebin/demo\.app"):
        bench.deploy("0.2.0")
    assert snapshot(bench.root()) == before


def test_files_of_nobodys_that_are_the_same_are_no_hindrance(bench: Bench) -> None:
    bench.tree("0.1.0")
    tree = bench.tree("0.2.0")
    bench.deploy("0.1.0")
    shutil.copytree(tree.path / "lib/demo-0.2.0/ebin", bench.root() / "lib/demo-0.2.0/ebin")
    (bench.root() / "lib/demo-0.2.0/ebin/extra").write_text("somebody's")
    assert row(bench.deploy("0.2.0"))[0] == "installed"
    assert (bench.root() / "lib/demo-0.2.0/ebin/extra").exists()


def test_a_newer_layout_is_left_alone(bench: Bench) -> None:
    bench.tree("0.1.0")
    bench.tree("0.2.0")
    bench.deploy("0.1.0")
    (bench.root() / ".deliver/format").write_text("2\n")
    before = snapshot(bench.root())
    with pytest.raises(RemoteError, match="newer version of deliver"):
        bench.deploy("0.2.0")
    assert snapshot(bench.root()) == before


# -- the configuration's own files --


def test_files_of_the_configuration_take_the_place_of_the_releases(bench: Bench, tmp_path: Path) -> None:
    bench.tree("0.1.0")
    source = tmp_path / "a source file"
    source.write_bytes(b"from a file")
    bench.files = {
        "releases/{version}/sys.config": Content(text="[{mine,[]}].\n", mode=0o640),
        "etc/with space": Content(secret=Secret("hunter2hunter2")),
        "bin/demo": Content(source=source, mode=0o755),
        "lib/demo-{version}/priv/uploads": Content(host=str(tmp_path)),
    }
    bench.deploy("0.1.0")
    root = bench.root()
    found = snapshot(root)
    assert (root / "releases/0.1.0/sys.config").read_text() == "[{mine,[]}].\n"
    assert found["releases/0.1.0/sys.config"][0] == 0o640
    assert (root / "etc/with space").read_text() == "hunter2hunter2"
    assert found["etc/with space"][0] == 0o600
    assert (root / "bin/demo").read_text() == "from a file"
    assert (root / "lib/demo-0.1.0/priv/uploads").readlink() == tmp_path
    assert "hunter2hunter2" not in "".join(bench.heard.everything)


def test_they_are_written_anew_when_they_change_and_only_then(bench: Bench) -> None:
    bench.tree("0.1.0")
    bench.files = {"releases/{version}/sys.config": Content(text="one")}
    bench.deploy("0.1.0")
    config = bench.root() / "releases/0.1.0/sys.config"
    first = config.stat().st_ino
    assert bench.deploy("0.1.0").is_idle
    assert config.stat().st_ino == first
    bench.files = {"releases/{version}/sys.config": Content(text="two")}
    deployment = bench.deploy("0.1.0")
    assert not deployment.is_idle
    assert config.read_text() == "two"


def test_the_releases_own_file_comes_back_when_the_configuration_has_none(bench: Bench) -> None:
    bench.tree("0.1.0")
    other = {"etc/other": Content(text="other")}
    bench.files = {"releases/{version}/sys.config": Content(text="one"), "etc/mine": Content(text="mine"), **other}
    bench.deploy("0.1.0")
    bench.files = other
    bench.deploy("0.1.0")
    assert (bench.root() / "releases/0.1.0/sys.config").read_text() == "[].\n"
    assert not (bench.root() / "etc/mine").exists()
    assert (bench.root() / "etc/other").exists()


def test_the_releases_own_files_come_back_when_the_configuration_has_none_at_all(bench: Bench) -> None:
    bench.tree("0.1.0")
    bench.files = {"releases/{version}/sys.config": Content(text="one"), "etc/mine": Content(text="mine")}
    bench.deploy("0.1.0")
    bench.files = {}
    assert not bench.deploy("0.1.0").is_idle
    assert (bench.root() / "releases/0.1.0/sys.config").read_text() == "[].\n"
    assert not (bench.root() / "etc/mine").exists()
    assert bench.deploy("0.1.0").is_idle


def test_a_file_of_the_configuration_is_no_versions_own(bench: Bench) -> None:
    bench.tree("0.1.0")
    bench.tree("0.2.0")
    own = (bench.base / "trees/0.1.0/bin/demo").read_text()
    for version in ("0.1.0", "0.2.0"):
        bench.files = {"etc/mine": Content(text=f"mine {version}"), "bin/demo": Content(text=f"start {version}")}
        bench.deploy(version)
    bench.files = {}
    bench.deploy("0.2.0")
    assert not (bench.root() / "etc/mine").exists()
    assert (bench.root() / "bin/demo").read_text() == own


def test_they_are_no_damage_to_the_next_version(bench: Bench) -> None:
    bench.tree("0.1.0")
    bench.tree("0.2.0")
    bench.files = {
        "releases/{version}/sys.config": Content(text="one"),
        "lib/dep-1.0.0/ebin/dep.beam": Content(text="patched on purpose"),
    }
    bench.deploy("0.1.0")
    assert row(bench.deploy("0.2.0"))[0] == "installed"
    assert (bench.root() / "releases/0.2.0/sys.config").read_text() == "one"
    assert (bench.root() / "lib/dep-1.0.0/ebin/dep.beam").read_text() == "patched on purpose"
    assert not bench.heard.warnings


# -- the cookie --


def test_a_new_environment_gets_one_cookie_that_nobody_sees(tmp_path: Path) -> None:
    bench = Bench(tmp_path, names=("prod1", "prod2"))
    bench.tree("0.1.0")
    bench.deploy("0.1.0")
    one, two = ((bench.root(name) / "releases/COOKIE") for name in bench.names)
    assert one.read_text() == two.read_text()
    assert len(one.read_text()) == 56
    assert one.stat().st_mode & 0o777 == 0o400
    assert one.read_text() not in "".join([*bench.heard.everything, *bench.heard.steps, *bench.heard.warnings])


def test_a_new_host_gets_the_cookie_of_one_that_is_not_deployed_to(tmp_path: Path) -> None:
    bench = Bench(tmp_path, names=("prod1", "prod2"))
    bench.tree("0.1.0")
    bench.deploy("0.1.0", hosts=("prod1",))
    bench.deploy("0.1.0", hosts=("prod2",))
    one, two = ((bench.root(name) / "releases/COOKIE").read_text() for name in bench.names)
    assert one == two


def test_the_configured_cookie_is_given(bench: Bench) -> None:
    bench.tree("0.1.0")
    bench.cookie = Secret("CONFIGUREDCOOKIE")
    bench.deploy("0.1.0")
    assert (bench.root() / "releases/COOKIE").read_text() == "CONFIGUREDCOOKIE"
    assert "CONFIGUREDCOOKIE" not in "".join(bench.heard.everything)


def test_the_configured_cookie_takes_the_place_of_the_one_that_complete_hosts_have(bench: Bench) -> None:
    bench.tree("0.1.0")
    bench.deploy("0.1.0")
    bench.cookie = Secret("CONFIGUREDCOOKIE")
    place = bench.root() / "releases/COOKIE"
    assert not bench.deploy("0.1.0").is_idle
    assert place.read_text() == "CONFIGUREDCOOKIE"
    written = place.stat().st_ino
    assert bench.deploy("0.1.0").is_idle
    assert place.stat().st_ino == written


def test_a_host_that_lost_its_cookie_gets_that_of_the_others(tmp_path: Path) -> None:
    bench = Bench(tmp_path, names=("prod1", "prod2"))
    bench.tree("0.1.0")
    bench.deploy("0.1.0")
    one, two = ((bench.root(name) / "releases/COOKIE") for name in bench.names)
    two.unlink()
    assert not bench.deploy("0.1.0").is_idle
    assert one.read_text() == two.read_text()


# -- others at work --


def wait_for(file: Path) -> None:
    until = time.monotonic() + 10
    while not file.exists():
        assert time.monotonic() < until, f"{file} does not appear"
        time.sleep(0.01)


@pytest.fixture
def other(bench: Bench) -> Iterator[threading.Event]:
    """Somebody who has the host's lock until the event is set."""
    bench.tree("0.1.0")
    bench.root().mkdir(parents=True)
    done = threading.Event()
    holder = json.dumps({"who": "ann", "host": "laptop", "pid": 7, "version": "0.9.0", "since": "noon"})
    take = f"take_lock {shlex.quote(str(bench.root() / '.deliver/lock'))} {shlex.quote(holder)} 0\ncat >/dev/null\n"
    hold = Script("hold", payload("lock.sh") + take)

    def waiting() -> Iterator[bytes]:
        done.wait(30)
        yield b"x"

    thread = threading.Thread(target=lambda: bench.session().run(hold, stdin=waiting()))
    thread.start()
    wait_for(bench.root() / ".deliver/lock/holder")
    yield done
    done.set()
    thread.join()


@pytest.mark.usefixtures("other")
def test_a_second_deployment_leaves_at_once_and_says_who_is_there(bench: Bench) -> None:
    with pytest.raises(LockedError, match=r"prod1: ann@laptop \(work 0\.9\.0, process 7, since noon\)"):
        bench.deploy("0.1.0")
    assert not (bench.root() / ".deliver/versions").exists()


def test_a_second_deployment_waits_when_it_may(bench: Bench, other: threading.Event) -> None:
    threading.Timer(1.0, other.set).start()
    assert row(bench.deploy("0.1.0", lock_wait=20))[0] == "installed"


def test_two_deployments_at_once_install_it_once(bench: Bench) -> None:
    bench.tree("0.1.0")
    states: list[str] = []
    threads = [
        threading.Thread(target=lambda: states.append(row(bench.deploy("0.1.0", lock_wait=20))[0])) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(states) == ["installed", "present", "present"]
