"""Rolls through three real hosts, by the command line that people type."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.hosts import Fleet
from tests.rollout import mills
from tests.terminal import in_terminal
from tests.upgrade.desk import ALL, COMMAND, ROOT, Desk, Done, on
from tests.upgrade.works import Works

pytestmark = [pytest.mark.hosts, pytest.mark.slow]


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """The mill in its versions."""
    works = mills.make(tmp_path_factory.mktemp("mill"))
    yield works
    works.pool.shutdown(cancel_futures=True)


@pytest.fixture
def mill(fleet: Fleet, works: Works, tmp_path: Path) -> Desk:
    """A desk for the mill; nothing is on the hosts."""
    desk = Desk(tmp_path, fleet, "mill", 4200, works.store)
    desk.write_config(mills.rolling() + mills.HEALTH)
    return desk


def test_a_release_goes_hot_where_that_is_proven_and_back(mill: Desk, works: Works) -> None:
    works.pair("0.1.0", "0.2.0")
    first = mill.release("0.1.0")
    assert (first.code, set(first.states.values())) == (0, {"started"}), first.told
    before = mill.pids()
    assert [mill.ask(name, "turn") for name in ALL] == [["1"]] * 3
    up = mill.release("0.2.0")
    assert (up.code, set(up.states.values())) == (0, {"upgraded"}), up.told
    assert mill.release("0.2.0").states == dict.fromkeys(ALL, "runs it already")
    down = mill.rollback()
    assert (down.code, set(down.states.values())) == (0, {"downgraded"}), down.told
    assert [mill.ask(name, "turn", "version") for name in ALL] == [["2", "0.1.0"]] * 3
    assert mill.pids() == before
    restarted = mill.deliver("rolling-restart", "--on", "production", "--yes")
    assert (restarted.code, set(restarted.states.values())) == (0, {"restarted"}), restarted.told
    assert not set(mill.pids()) & set(before)
    assert mill.locks() == []


def test_a_person_at_a_terminal_reads_the_plan_and_is_asked_before_it_and_after_the_canary(mill: Desk) -> None:
    mill.start("0.1.0")
    before = mill.pids()
    mill.write_config(mills.rolling(confirm_after="canary") + mills.HEALTH)
    words = [*COMMAND, "release", "--version", "0.4.0", "--to", "production", "--strategy", "restart"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}

    def talk(*answers: str) -> tuple[int, str]:
        process, side = in_terminal(words, environ, mill.path)
        heard = ""
        for number, answer in enumerate(answers, 1):
            while heard.count("[y/N]") < number:
                heard += os.read(side, 4096).decode()
            os.write(side, f"{answer}\r".encode())
        with suppress(OSError):
            while data := os.read(side, 4096):
                heard += data.decode()
        os.close(side)
        return process.wait(30), heard

    code, heard = talk("n")
    assert (code, mill.pids()) == (1, before), heard
    assert "prod1  0.1.0  0.4.0  restart" in heard
    code, heard = talk("y", "n")
    assert code == 3, heard
    assert "the canary is well: go on?" in heard
    assert [version for version, _ in mill.versions().values()] == ["0.4.0", "0.1.0", "0.1.0"]
    assert talk("y", "y")[0] == 0
    assert set(mill.versions().values()) == {("0.4.0", "0.4.0")}


def test_each_host_goes_its_own_way_and_all_come_back_to_one_version(mill: Desk, works: Works) -> None:
    works.pair("0.1.0", "0.2.0")
    mill.start("0.1.0", "prod1")
    mill.start("0.4.0", "prod2")
    plan = mill.deliver("plan", "release", "--version", "0.2.0", "--to", "production", "--strategy", "auto")
    ways = {host["host"]: (host["batch"], host["way"], host["verdict"]) for host in plan.document["hosts"]}
    assert ways == {"prod3": (1, "start", ""), "prod1": (2, "hot", "hot"), "prod2": (3, "restart", "")}, plan.told
    assert plan.document["lacks"] == ["the upgrade 0.4.0..0.2.0 is made, and rehearsed"]
    assert mill.versions()["prod1"] == ("0.1.0", "0.1.0")
    forced = mill.release("0.2.0", "--strategy", "hot", "--unhealthy", *on("prod1", "prod2"))
    assert forced.code == 1
    assert "the verdict on 0.4.0..0.2.0 is `restart`: vm.args changes" in forced.flat
    done = mill.release("0.2.0", *on("prod2", "prod3"))
    assert done.states == {"prod2": "restarted", "prod3": "started"}, done.told
    done = mill.release("0.2.0")
    assert done.states == {"prod1": "upgraded", "prod2": "runs it already", "prod3": "runs it already"}, done.told
    undecided = mill.rollback()
    assert undecided.code == 64
    assert "say which with --version: " in undecided.flat
    back = mill.rollback("--version", "0.1.0")
    assert set(back.states.values()) == {"downgraded"}, back.told
    cold = mill.release("0.4.0", "--strategy", "cold")
    assert set(cold.states.values()) == {"restarted"}, cold.told
    assert set(mill.versions().values()) == {("0.4.0", "0.4.0")}


@pytest.mark.parametrize(
    ("version", "policy", "states"),
    [
        ("2.1.0", "stop", ["failed", "not touched", "not touched"]),
        ("2.2.0", "rollback-batch", ["taken back", "not touched", "not touched"]),
        ("2.3.0", "rollback-all", ["taken back", "not touched", "not touched"]),
    ],
)
def test_a_bad_release_stops_at_its_canary(mill: Desk, version: str, policy: str, states: list[str]) -> None:
    mill.write_config(mills.rolling(on_failure=policy, min_healthy="2s", healthy_deadline="4s") + mills.HEALTH)
    mill.start("0.1.0")
    others = mill.pids("prod2", "prod3")
    failed = mill.release(version, "--strategy", "restart")
    assert list(failed.states.values()) == states, failed.told
    assert mill.pids("prod2", "prod3") == others
    is_whole = policy != "stop"
    assert failed.code == (1 if is_whole else 3)
    assert ("the fleet: all old (3 on 0.1.0)" if is_whole else "the fleet: MIXED (1 down, 2 on 0.1.0)") in failed.flat
    if not is_whole:
        mended = mill.deliver(*_told(failed, "to mend it: "), "--yes")
        assert mended.states == {"prod1": "started", "prod2": "runs it already", "prod3": "runs it already"}, (
            mended.told
        )
    assert set(mill.versions().values()) == {("0.1.0", "0.1.0")}


def test_a_host_that_was_well_goes_back_with_the_others(mill: Desk) -> None:
    mill.write_config(mills.rolling(on_failure="rollback-all") + mills.HEALTH + _only_on("prod3", "exit 1"))
    mill.start("0.1.0")
    failed = mill.release("0.4.0", "--strategy", "restart")
    assert list(failed.states.values()) == ["taken back", "taken back", "failed"], failed.told
    assert failed.code == 1
    assert "the hook before_host ended with status 1" in failed.flat
    assert set(mill.versions().values()) == {("0.1.0", "0.1.0")}
    told = [(one["action"], one["version"], one["outcome"]) for one in mill.journal("prod1") if "step" not in one]
    assert told[-2:] == [("start", "0.1.0", "ok"), ("undo", "0.1.0", "ok")]
    assert "failed there" not in mill.deliver("status", "--on", "production", "--host", "prod1").told


def test_nothing_is_begun_without_a_word_nor_on_a_fleet_that_is_not_well(mill: Desk) -> None:
    mill.start("0.1.0")
    before = mill.pids()
    asked = mill.deliver("release", "--version", "0.4.0", "--to", "production", "--strategy", "restart")
    assert asked.code == 64
    assert "nobody can be asked, stdin is not a terminal" in asked.flat
    assert mill.release("9.9.9").code == 64
    assert mill.release("0.4.0", "--strategy", "soft").code == 64
    assert mill.deliver("release", "--to", "production", "--yes").code == 64
    assert mill.deliver("promote", "--from", "production", "--to", "production").code == 64
    resumed = mill.deliver("release", "--to", "production", "--resume", "--yes")
    assert resumed.code == 64
    assert "that did not come to its end" in resumed.flat
    assert mill.deliver("rpc", "application:stop(mill).", "--on", "production", "--host", "prod3").code == 0
    ill = mill.release("0.4.0", "--strategy", "restart")
    assert ill.code == 1
    assert "the fleet is not healthy, and nothing was changed: prod3: not running: mill" in ill.flat
    assert "--unhealthy" in ill.flat
    mill.fleet["prod2"].down()
    away = mill.release("0.4.0", "--strategy", "restart")
    assert away.code == 69
    assert mill.pids("prod1", "prod3") == [before[0], before[2]]


def test_exactly_what_staging_runs_is_promoted(mill: Desk) -> None:
    mill.write_config(mills.rolling() + mills.HEALTH + _STAGING)
    mill.start("0.1.0")
    refused = mill.deliver("promote", "--from", "staging", "--to", "production", "--yes")
    assert refused.code == 1
    assert "stage1: the node does not run" in refused.flat
    done = mill.deliver("release", "--version", "0.4.0", "--to", "staging", "--yes")
    assert done.states == {"stage1": "started"}, done.told
    done = mill.deliver("promote", "--from", "staging", "--to", "production", "--yes", "--strategy", "restart")
    assert done.runs == dict.fromkeys(ALL, "0.4.0"), done.told
    manifest = mill.fleet["stage1"].path("/srv/mill/.deliver/versions/0.4.0/manifest")
    manifest.write_text(f"{manifest.read_text()}more\n")
    refused = mill.deliver("promote", "--from", "staging", "--to", "production", "--yes")
    assert refused.code == 1
    assert "staging runs 0.4.0 (content " in refused.flat
    assert ", and the store has the content " in refused.flat


def test_hooks_run_around_the_roll_and_commands_once(mill: Desk) -> None:
    log = mill.path / "log"
    line = f'echo "$DELIVER_OCCASION $DELIVER_HOSTS $DELIVER_VERSION" >>{log}'
    occasions = ("before_roll", "after_roll", "before_batch", "after_batch", "before_host", "after_host", "on_failure")
    hooks = "".join(f"{one} = '{line}'\n" for one in occasions)
    once = "[environments.production.once.note]\nrun = 'echo $DELIVER_VERSION >>/srv/noted'\non = 'prod2'\n"
    mill.write_config(mills.rolling(batches=[2]) + mills.HEALTH + f"[environments.production.hooks]\n{hooks}{once}")
    mill.start("0.1.0")
    done = mill.release("0.4.0", "--strategy", "restart")
    assert done.code == 0, done.told
    told = log.read_text().splitlines()
    assert told[:2] == ["before_roll prod1 prod2 prod3 0.4.0", "before_batch prod1 prod2 0.4.0"]
    assert sorted(told[2:6]) == [f"{one} {host} 0.4.0" for one in ("after_host", "before_host") for host in ALL[:2]]
    assert told[6:] == [
        "after_batch prod1 prod2 0.4.0",
        "before_batch prod3 0.4.0",
        "before_host prod3 0.4.0",
        "after_host prod3 0.4.0",
        "after_batch prod3 0.4.0",
        "after_roll prod1 prod2 prod3 0.4.0",
    ]
    assert mill.rollback("--version", "0.1.0").code == 0
    assert mill.release("0.4.0", "--strategy", "restart").code == 0
    assert mill.fleet["prod2"].path("/srv/noted").read_text() == "0.4.0\n"


_STAGING = """
[environments.staging]
hosts = ["stage1"]
path = "/srv"
rolling = { min_healthy = 0 }
"""


def _only_on(host: str, line: str) -> str:
    return f"[environments.production.hooks]\nbefore_host = '[ $DELIVER_HOST != {host} ] || {line}'\n"


def _told(done: Done, what: str) -> list[str]:
    """Return the command that is told behind some words."""
    line = next(line for line in done.told.splitlines() if what in line)
    return shlex.split(line.partition("invoke ")[2])
