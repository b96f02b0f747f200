"""What becomes of a node when something ends in the middle of its upgrade: deliver, the node, the disk's room."""

from __future__ import annotations

import signal
import subprocess

import pytest

from tests.upgrade.desk import Desk, wait_until
from tests.upgrade.works import ODD, WORSE, Works

pytestmark = [pytest.mark.hosts, pytest.mark.slow]

ONE = ("--host", "prod1")
UP = ("deploy-upgrade", "--version", "0.2.0", "--to", "production", *ONE, "--json")


@pytest.fixture
def turned(mill: Desk, works: Works) -> Desk:
    """The mill on one host, after two turns."""
    works.pair("0.1.0", "0.2.0")
    mill.start("0.1.0", "prod1")
    assert mill.ask("prod1", "turn", "turn") == ["1", "2"]
    return mill


def in_probation(desk: Desk, seconds: str = "20") -> subprocess.Popen[str]:
    """Begin an upgrade, and return when the node runs the new version."""
    process = desk.begin(*UP, "--probation", seconds)
    wait_until(lambda: process.poll() is not None or desk.ask("prod1", "version") == ["0.2.0"], "it runs 0.2.0")
    assert process.poll() is None
    return process


def kept_its_turns(desk: Desk, version: str) -> bool:
    return desk.ask("prod1", "turns", "version") == ["2", version]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_deliver_may_be_ended_in_the_probation_and_the_same_command_finishes(turned: Desk, how: signal.Signals) -> None:
    process = in_probation(turned)
    assert len(turned.locks("prod1")) == 1
    process.send_signal(how)
    done = turned.end(process)
    assert done.code == (130 if how == signal.SIGINT else -how)
    if how == signal.SIGINT:
        assert "prod1 is not known (interrupted: ask it with `version`)" in done.flat
        assert "to go on: invoke deploy-upgrade --version 0.2.0 --to production --host prod1" in done.flat
    assert turned.versions()["prod1"] == ("0.2.0", "0.1.0")
    wait_until(lambda: turned.locks("prod1") == [], "the host notices")
    assert turned.secrets("prod1") == []
    again = turned.upgrade("0.2.0", *ONE)
    assert (again.code, again.states) == (0, {"prod1": "upgraded"}), again.told
    assert turned.versions()["prod1"] == ("0.2.0", "0.2.0")
    assert kept_its_turns(turned, "0.2.0")
    again = turned.upgrade("0.2.0", *ONE)
    assert (again.code, again.states) == (0, {"prod1": "runs it already"})


def test_a_node_that_was_left_in_its_probation_can_be_taken_back(turned: Desk) -> None:
    process = in_probation(turned)
    process.kill()
    turned.end(process)
    back = turned.rollback(*ONE, "--lock-wait", "10")
    assert (back.code, back.states) == (0, {"prod1": "downgraded"}), back.told
    assert turned.versions()["prod1"] == ("0.1.0", "0.1.0")
    assert kept_its_turns(turned, "0.1.0")


@pytest.mark.parametrize("moment", ["the files arrive", "the lock is taken"])
def test_deliver_may_be_killed_before_anything_is_installed(turned: Desk, moment: str) -> None:
    process = turned.begin(*UP, "--probation", "0")
    place = turned.root() / ".deliver"
    mark = place / "upgrades" / "0.1.0..0.2.0" if moment == "the files arrive" else place / "lock"
    wait_until(lambda: mark.exists() or process.poll() is not None, moment)
    process.kill()
    turned.end(process)
    assert turned.ask("prod1", "turns") == ["2"]
    done = turned.upgrade("0.2.0", *ONE, "--lock-wait", "20")
    assert done.code == 0, done.told
    assert turned.versions()["prod1"] == ("0.2.0", "0.2.0")
    assert kept_its_turns(turned, "0.2.0")


def test_a_node_that_dies_in_its_probation_comes_back_as_it_was(turned: Desk) -> None:
    process = in_probation(turned, "2")
    turned.kill_node()
    done = turned.end(process)
    assert (done.code, done.states) == (4, {"prod1": "restarted"}), done.told
    assert "the node has restarted, and runs 0.1.0: what it held in memory is gone" in done.flat
    assert "prod1 runs 0.1.0 (restarted)" in done.flat
    assert turned.versions()["prod1"] == ("0.1.0", "0.1.0")
    assert turned.ask("prod1", "turns") == ["0"]
    again = turned.deliver(*done.command, "--probation", "0")
    assert (again.code, again.states) == (0, {"prod1": "upgraded"}), again.told


def test_a_second_operator_is_told_who_is_at_work_or_waits(turned: Desk) -> None:
    process = in_probation(turned, "15")
    refused = turned.deliver("restart", "--on", "production", *ONE)  # waits for five seconds
    assert refused.code == 75
    refused = turned.upgrade("0.2.0", *ONE)
    assert refused.code == 75
    assert "is at work there" in refused.flat
    assert "upgrade 0.2.0" in refused.flat
    waited = turned.upgrade("0.2.0", *ONE, "--lock-wait", "30")
    assert (waited.code, waited.states) == (0, {"prod1": "runs it already"}), waited.told
    done = turned.end(process)
    assert (done.code, turned.versions()["prod1"]) == (0, ("0.2.0", "0.2.0")), done.told


def test_a_node_that_is_not_right_after_a_proven_upgrade_is_taken_back(turned: Desk, works: Works) -> None:
    assert works.pair("0.1.0", "0.6.0").verdict == "hot"
    turned.fleet["prod1"].shell(f"touch {ODD}", user="deploy")
    before = turned.pids("prod1")
    done = turned.upgrade("0.6.0", *ONE)
    assert (done.code, done.states) == (1, {"prod1": "taken back"}), done.told
    assert (
        "0.6.0 is not right there: mill / mill: its state is not as mill makes it: a tuple of 3 instead of 2"
        in done.flat
    )
    assert "the node was taken back to 0.1.0, without a restart" in done.flat
    assert kept_its_turns(turned, "0.1.0")
    assert turned.pids("prod1") == before
    assert turned.versions()["prod1"] == ("0.1.0", "0.1.0")
    turned.fleet["prod1"].shell(f"touch {WORSE}", user="deploy")
    done = turned.upgrade("0.6.0", *ONE)
    assert (done.code, done.states) == (4, {"prod1": "restarted"}), done.told
    assert "and going back failed" in done.flat
    assert turned.ask("prod1", "turns", "version") == ["0", "0.1.0"]
    turned.fleet["prod1"].shell(f"rm {ODD} {WORSE}")
    done = turned.deliver(*done.command, "--probation", "0")
    assert (done.code, done.states) == (0, {"prod1": "upgraded"}), done.told


def test_a_full_disk_stops_an_upgrade_where_it_is_and_room_lets_it_go_on(mill: Desk, works: Works) -> None:
    works.pair("0.1.0", "0.2.0")
    host = mill.fleet["prod1"]
    with host.small_disk("80m"):
        mill.start("0.1.0", "prod1")
        assert mill.ask("prod1", "turn", "turn") == ["1", "2"]
        assert mill.deliver("deploy-release", "--version", "0.2.0", "--to", "production", *ONE).code == 0
        host.fill()
        done = mill.upgrade("0.2.0", *ONE)
        assert done.code == 1
        assert "prod1: the disk is full" in done.flat
        assert mill.versions()["prod1"] == ("0.1.0", "0.1.0")
        host.shell("rm /srv/ballast")
        process = in_probation(mill, "3")
        host.fill()
        done = mill.end(process)
        assert (done.code, done.states) == (1, {"prod1": "unfinished"}), done.told
        assert "the disk is full" in done.flat
        assert "the node runs 0.2.0, and would still boot 0.1.0" in done.flat
        host.shell("rm /srv/ballast")
        again = mill.deliver(*done.command, "--probation", "0")
        assert (again.code, again.states) == (0, {"prod1": "upgraded"}), again.told
        assert mill.versions()["prod1"] == ("0.2.0", "0.2.0")
        assert kept_its_turns(mill, "0.2.0")
        host.shell("kill -KILL $(pidof beam.smp)")


def test_a_connection_that_is_lost_leaves_a_node_that_is_told_or_asked_again(turned: Desk) -> None:
    process = in_probation(turned, "3")
    turned.fleet["prod1"].stop_sshd()
    turned.fleet["prod1"].start_sshd()
    done = turned.end(process)
    # Between two scripts, a host that does not answer; in the middle of one, a script whose outcome is not known.
    code = 1 if "the connection was lost while" in done.flat else 69
    assert (done.code, done.states) == (code, {"prod1": "unfinished"}), done.told
    assert "the connection was lost" in done.flat
    assert turned.versions()["prod1"] == ("0.2.0", "0.1.0")
    again = turned.deliver(*done.command, "--probation", "0", "--lock-wait", "20")
    assert (again.code, again.states) == (0, {"prod1": "upgraded"}), again.told
    assert kept_its_turns(turned, "0.2.0")
