"""Commands that a version needs once, on a real host."""

from __future__ import annotations

import hashlib
import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from deliver.config.schema import Environment, Host, Once
from deliver.errors import NodeError, RemoteError
from deliver.remote.connect import connect
from deliver.remote.local import LocalSession
from deliver.rollout.once import Errand, due, run_once
from tests.build.workshop import Story
from tests.rollout.shelf import DATABASE, Desk, eventually

#: Runs an errand as deliver would, in a process that can be killed.
ELSEWHERE = """
import pickle, sys
from deliver.remote.connect import connect
from deliver.report import Silent
from deliver.rollout.once import run_once
errand, ssh = pickle.load(sys.stdin.buffer)
with connect(errand.host, ssh, Silent()) as session:
    run_once(errand, session, Silent())
"""


def errand(desk: Desk, run: str, *, version: str = "0.2.0", timeout: float = 30.0, again: bool = False) -> Errand:
    content = desk.shop.store.find("shelf", version).manifest
    environment = desk.config.environment("production")
    return Errand("count", Once(run, timeout=timeout), environment, "shelf", version, content, again=again)


def go(desk: Desk, asked: Errand, story: Story | None = None) -> str:
    report = story or Story()
    with connect(asked.host, desk.config.ssh, report) as session:
        return run_once(asked, session, report)


def marks(desk: Desk) -> list[str]:
    """Return the names of what lies beside the logs."""
    return sorted(one.name for one in desk.root.glob(".deliver/once/*/*") if one.suffix != ".log")


def counted(desk: Desk) -> str:
    file = desk.root / "count"
    return file.read_text() if file.exists() else ""


@pytest.mark.hosts
@pytest.mark.slow
def test_it_runs_once_on_one_host_as_the_new_version_while_the_old_one_boots(desk: Desk) -> None:
    code = "Application.load(:shelf); IO.puts([Application.spec(:shelf, :vsn), System.get_env(~s(SHELF_DATABASE))])"
    asked = errand(desk, f"bin/shelf eval '{code}'; echo $PWD $DELIVER_HOST $DELIVER_ENVIRONMENT $LANG; echo 1 >>count")
    story = Story()

    assert go(desk, asked, story) == "ran"
    assert go(desk, replace(asked, again=True)) == "done before"

    assert story.logged.startswith(f"0.2.0{DATABASE}\n/srv/shelf prod1 production C.UTF-8\n")
    assert desk.host.shell("cut -d ' ' -f 2 /srv/shelf/releases/start_erl.data") == "0.1.0"
    assert counted(desk) == "1\n"
    assert not desk.fleet["prod2"].path("/srv/shelf/.deliver/once").exists()
    assert marks(desk) == ["count"]
    place = desk.root / ".deliver/once" / f"0.2.0-{asked.content[:12]}"
    assert (place / "count.log").stat().st_mode & 0o777 == 0o600
    assert not any(DATABASE in shown for _, shown in story.scripts)
    assert desk.journal() == [("once count", "0.2.0", "ok")]
    # Another version has markers of its own.
    assert go(desk, errand(desk, "echo 2 >>count", version="0.1.0")) == "ran"


@pytest.mark.hosts
@pytest.mark.slow
def test_a_failure_quotes_its_last_lines_and_the_next_roll_runs_it_anew(desk: Desk) -> None:
    asked = errand(desk, "echo 1 >>count; printf 'no such\\ttable' >&2; test -e /srv/mended || exit 3")

    with pytest.raises(RemoteError, match="once count failed with status 3") as told:
        go(desk, asked)

    assert told.value.output == "no such table"
    assert marks(desk) == ["count.failed"]
    desk.host.shell("touch /srv/mended")
    assert go(desk, asked) == "ran"
    assert counted(desk) == "1\n1\n"
    assert marks(desk) == ["count"]
    assert desk.journal() == [("once count", "0.2.0", "failed"), ("once count", "0.2.0", "ok")]


def begin_elsewhere(desk: Desk, asked: Errand) -> subprocess.Popen[bytes]:
    """Begin it in a process of its own, and return when the command runs."""
    process = subprocess.Popen([sys.executable, "-c", ELSEWHERE], stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(pickle.dumps((asked, desk.config.ssh)))
    process.stdin.close()
    eventually(lambda: counted(desk) != "", "the command runs")
    return process


@pytest.mark.hosts
@pytest.mark.slow
def test_when_deliver_is_killed_the_command_goes_on_and_the_next_one_waits_for_it(desk: Desk) -> None:
    asked = errand(desk, "echo 1 >>count; until test -e /srv/go-on; do sleep 0.1; done; echo done >>count")
    process = begin_elsewhere(desk, asked)

    process.send_signal(signal.SIGKILL)
    process.wait()
    eventually(lambda: not (desk.root / ".deliver/lock").exists(), "the script of the dead one is gone")

    assert marks(desk) == ["count.running"]
    desk.host.shell("(sleep 1; touch /srv/go-on) >/dev/null 2>&1 &")
    assert go(desk, asked) == "ran"
    assert counted(desk) == "1\ndone\n"
    assert marks(desk) == ["count"]


@pytest.mark.hosts
@pytest.mark.slow
@pytest.mark.parametrize("how", ["kill -9 $$", "kill -9 $PPID; sleep 1", "sleep 60"], ids=["it", "all", "deadline"])
def test_one_that_ended_in_the_middle_runs_again_only_at_the_operators_word(desk: Desk, how: str) -> None:
    asked = errand(desk, f"echo 1 >>count; {how}", timeout=2.0)

    with pytest.raises(RemoteError, match="ended in the middle"):
        go(desk, asked)
    with pytest.raises(RemoteError, match="ended in the middle") as told:
        go(desk, asked)

    assert counted(desk) == "1\n"
    assert "--once-again count" in told.value.hint
    again = replace(asked, once=Once("echo 2 >>count"), again=True)
    assert go(desk, again) == "ran"
    assert go(desk, again) == "done before"
    assert counted(desk) == "1\n2\n"


@pytest.mark.hosts
@pytest.mark.slow
def test_a_host_that_lost_its_power_has_it_in_the_middle_and_the_operator_may_say_it_is_done(desk: Desk) -> None:
    asked = errand(desk, "echo 1 >>count; sleep 60")
    process = begin_elsewhere(desk, asked)
    desk.host.down()
    process.kill()
    process.wait()
    desk.host.up()

    with pytest.raises(RemoteError, match="ended in the middle") as told:
        go(desk, asked)

    desk.host.shell(told.value.hint.rpartition("on the host: ")[2], user="deploy")
    assert go(desk, asked) == "done before"


@pytest.mark.hosts
@pytest.mark.slow
def test_only_the_content_that_is_rolled_out_counts(desk: Desk) -> None:
    asked = errand(desk, "echo 1 >>count")

    with pytest.raises(NodeError, match=r"version 0\.2\.0 in /srv/shelf is not what was to be rolled out"):
        go(desk, replace(asked, content="0" * 64))
    with pytest.raises(NodeError, match=r"version 0\.3\.0 is not installed"):
        go(desk, replace(asked, version="0.3.0"))

    assert counted(desk) == ""


def test_a_relx_release_has_the_script_of_the_version_beside_that_of_the_other(tmp_path: Path) -> None:
    root = tmp_path / "bell"
    version = root / ".deliver/versions/0.2.0"
    for directory in (root / "bin", root / "releases/0.2.0", version / "unversioned/bin"):
        directory.mkdir(parents=True)
    (version / "manifest").touch()
    script = version / "unversioned/bin/bell-0.2.0"
    script.write_text('#!/bin/sh\necho "$1 of 0.2.0" >"$DELIVER_ROOT/said"\n')
    script.chmod(0o755)
    host = Host("here", address="local", path=str(tmp_path))
    environment = Environment("production", (host,))
    content = hashlib.sha256().hexdigest()
    asked = Errand("x", Once('"bin/$DELIVER_APP-$RELEASE_VSN" escript'), environment, "bell", "0.2.0", content)

    assert run_once(asked, LocalSession("here", Story()), Story()) == "ran"

    assert (root / "said").read_text() == "escript of 0.2.0\n"


def test_commands_are_due_on_their_side_of_the_roll_and_on_their_host() -> None:
    once = {"b": Once("1"), "c": Once("2", at="after"), "a": Once("3", on="prod2")}
    environment = Environment("production", (Host("prod1"), Host("prod2")), once=once)

    assert [name for name, _ in due(environment, "before")] == ["b", "a"]
    assert [name for name, _ in due(environment, "after")] == ["c"]
    assert [Errand(name, one, environment, "app", "1", "").host.name for name, one in once.items()] == [
        "prod1",
        "prod1",
        "prod2",
    ]
