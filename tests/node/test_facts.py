from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from deliver.config.schema import Host
from deliver.errors import NodeError
from deliver.node.facts import Facts, Installed, gather, node_state, parse
from deliver.remote.local import LocalSession
from deliver.report import Silent
from tests.node import releases


def facts_of(path: str, app: str = "demo") -> Facts:
    return gather(LocalSession("here", Silent()), Host("here", address="local", path=path), app)


@pytest.fixture(params=["dash", "bash", "busybox"])
def shell(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    tools = tmp_path / "tools"
    tools.mkdir()
    name: str = request.param
    words = 'exec busybox sh "$@"' if name == "busybox" else f'exec {name} "$@"'
    (tools / "sh").write_text(f"#!/bin/dash\n{words}\n")
    (tools / "sh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    return name


def release_in(root: Path, version: str, **record: str) -> None:
    """What an installed version looks like to `facts.sh`."""
    directory = root / "releases" / version
    directory.mkdir(parents=True)
    (directory / "start.boot").touch()
    if record:
        ours = root / ".deliver" / "versions" / version
        ours.mkdir(parents=True)
        (ours / "manifest").write_text("deliver-manifest 1\n")
        (ours / "release.json").write_text(json.dumps({"name": "demo", **record}, indent=2))


def test_a_host_without_the_release_tells_where_it_would_be(tmp_path: Path, shell: str) -> None:
    found = facts_of(str(tmp_path / "not there" / "yet"))

    assert shell
    assert found.root == str(tmp_path / "not there" / "yet" / "demo")
    assert not found.exists
    assert found.installed == ()
    assert found.permanent == found.style == found.lock == ""
    assert found.process is None
    assert found.node is None


def test_a_host_tells_what_can_run_there_and_what_it_has_to_offer(tmp_path: Path, shell: str) -> None:
    found = facts_of(str(tmp_path))

    assert shell
    assert (found.target.os, found.target.arch) == ("linux", os.uname().machine)
    assert found.target.libc in {"glibc", "musl"}
    assert found.target.libc_version[0].isdigit()
    assert found.home == os.environ["HOME"]
    assert {"tar", "gzip", "sha256sum"} <= found.tools
    usage = shutil.disk_usage(tmp_path)
    assert abs(found.free - usage.free) < usage.total / 20
    assert found.free_inodes > 0


@pytest.mark.parametrize("path", ["", "~"])
def test_no_path_is_the_home_directory(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    assert facts_of(path).root == f"{tmp_path}/demo"


@pytest.mark.parametrize("path", ["~/my apps", "my apps"])
def test_a_relative_path_is_below_the_home_directory(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    assert facts_of(path).root == f"{tmp_path}/my apps/demo"


def test_a_path_through_symbolic_links_is_told_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    assert facts_of(str(tmp_path / "link")).root == f"{tmp_path}/real/demo"


def test_installed_versions_are_told_with_their_commit_and_manifest(tmp_path: Path, shell: str) -> None:
    root = tmp_path / "my apps" / "demo"
    release_in(root, "0.1.0")
    release_in(root, "0.2.0-rc.1+b 7", commit="c0ffee" * 6)
    (root / "releases" / "start_erl.data").write_text("13.1.5 0.1.0")
    (root / "releases" / "COOKIE").write_text("secret")

    found = facts_of(str(tmp_path / "my apps"))

    assert shell
    assert found.exists
    assert found.has_cookie
    assert found.permanent == "0.1.0"
    assert found.style == "relx"
    digest = hashlib.sha256(b"deliver-manifest 1\n").hexdigest()
    assert found.has("0.1.0") == Installed("0.1.0")
    assert found.has("0.2.0-rc.1+b 7") == Installed("0.2.0-rc.1+b 7", digest, "c0ffee" * 6)
    assert found.has("0.2.0") is None


def test_a_damaged_record_costs_only_the_commit(tmp_path: Path) -> None:
    release_in(tmp_path / "demo", "0.1.0", commit="c0ffee")
    (tmp_path / "demo/.deliver/versions/0.1.0/release.json").write_text('{"commit": ')

    found = facts_of(str(tmp_path)).has("0.1.0")

    assert found is not None
    assert found.commit == ""
    assert found.manifest


def test_who_works_on_the_host_is_told(tmp_path: Path) -> None:
    lock = tmp_path / "demo" / ".deliver" / "lock"
    lock.mkdir(parents=True)
    (lock / "holder").write_text('{"who": "ann"}\n')

    assert facts_of(str(tmp_path)).lock == '{"who": "ann"}'


def test_a_process_that_vanished_while_it_was_looked_at_is_no_process() -> None:
    found = parse("here", [("root", ["/srv/demo"]), ("os", ["linux"])])

    assert found.process is None
    assert found.free_inodes == -1


def test_an_answer_that_cannot_be_read_is_a_silence_that_says_so() -> None:
    process = ("process", ["7", "demo@here", "sname", "0.1.0", "1700000000", "S"])

    found = parse("here", [process, ("answer", ['{error, "undef"}'])])

    assert found.node is None
    assert "undef" in found.silence
    assert found.process is not None
    assert not found.process.suspended


def test_a_node_that_tells_less_than_it_should_is_refused() -> None:
    with pytest.raises(NodeError, match="less than it should"):
        node_state("name\tdemo@here\n")


@pytest.mark.slow
def test_a_running_node_tells_all_of_itself(release: releases.Installed) -> None:
    started = release.start()

    found = release.facts()

    assert found.process is not None
    assert found.node is not None
    assert found.silence == ""
    assert found.process.pid == started.pid
    assert found.process.version == found.node.current == found.permanent == "0.1.0"
    assert found.process.node == found.node.name == f"{release.host.node}@{os.uname().nodename.split('.')[0]}"
    assert found.node.booted
    assert found.node.applications[release.app] == "0.1.0"
    assert 0 < found.node.uptime < 60
    assert abs(found.process.started_at - started_at(started.pid)) < 2
    assert found.node.memory > 1_000_000
    assert found.node.processes > 20
    assert found.style == ("mix" if release.app == "counter" else "relx")


def started_at(pid: int) -> float:
    return Path(f"/proc/{pid}").stat().st_mtime


@pytest.mark.slow
def test_every_shell_finds_the_node(mix: releases.Installed, shell: str) -> None:
    mix.start()

    found = mix.facts()

    assert shell
    assert found.node is not None
    mix.stop()
    assert mix.facts().process is None


@pytest.mark.slow
def test_another_release_is_not_taken_for_ours(mix: releases.Installed, tmp_path: Path) -> None:
    mix.start()
    shutil.copytree(mix.root, tmp_path / "srv of others" / "counter", ignore=shutil.ignore_patterns("tmp"))

    assert facts_of(str(tmp_path / "srv of others"), "counter").process is None


@pytest.mark.slow
def test_a_release_without_a_runtime_of_its_own_tells_its_own_version(tmp_path: Path, node: str) -> None:
    built = releases.build_mix(tmp_path / "counter", "include_erts: false")
    with releases.installed(built, tmp_path / "srv", node) as mix:
        (mix.root / "releases/COOKIE").write_text(releases.COOKIE)
        mix.give(PORT="0")
        mix.start()

        found = mix.facts()

    assert found.node is not None
    assert found.node.current == "0.1.0"


@pytest.mark.slow
def test_a_suspended_node_is_told_as_one(mix: releases.Installed) -> None:
    started = mix.start()
    os.kill(started.pid, signal.SIGSTOP)

    found = mix.facts()

    assert found.process is not None
    assert found.process.suspended
    assert found.node is None
    assert f"kill -CONT {started.pid}" in found.silence


@pytest.mark.slow
def test_a_node_whose_cookie_is_another_is_silent(mix: releases.Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    mix.start()
    monkeypatch.setenv("HOME", str(mix.path))
    evaluate = "erlang:set_cookie(node(), another)."
    asked = mix.session.run(releases.ask(mix, evaluate))
    assert asked.status == 0

    found = mix.facts()

    assert found.process is not None
    assert found.node is None
    assert found.silence
