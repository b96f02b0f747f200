"""What is left of an upgrade: the next start, of whatever kind, is one of the new version."""

from __future__ import annotations

import pytest

from tests.upgrade.desk import Desk, wait_until
from tests.upgrade.works import Works

pytestmark = [pytest.mark.hosts, pytest.mark.slow]

ONE = ("--host", "prod1")


def test_every_kind_of_restart_afterwards_sees_the_new_version_and_the_same_configuration(counter: Desk) -> None:
    counter.write_config('env = { PORT = "4000", WORD = "a word" }')
    counter.start("0.1.0", "prod1")
    assert counter.upgrade("0.2.0", *ONE).code == 0
    rpc = ("rpc", "--on", "production", *ONE)
    configuration = "Enum.sort(Application.get_all_env(:counter))"
    before = counter.deliver(*rpc, configuration).document
    counter.ask("prod1", "incr")
    pid = counter.pids("prod1")
    counter.deliver(*rpc, ":init.restart()")
    wait_until(lambda: answers(counter) == ["0", "0.2.0", "HELLO"], "it restarts inside its process")
    assert counter.pids("prod1") == pid
    assert counter.deliver(*rpc, configuration).document == before
    assert counter.deliver("restart", "--on", "production", *ONE).code == 0
    assert answers(counter) == ["0", "0.2.0", "HELLO"]
    assert counter.deliver(*rpc, configuration).document == before
    counter.fleet["prod1"].down()
    counter.fleet["prod1"].up()
    assert counter.deliver("start", "--on", "production", *ONE).code == 0
    assert answers(counter) == ["0", "0.2.0", "HELLO"]
    back = counter.rollback(*ONE)
    assert (back.code, back.states) == (0, {"prod1": "downgraded"}), back.told
    assert answers(counter) == ["0", "0.1.0", "hello"]


def answers(desk: Desk) -> list[str]:
    try:
        return desk.ask("prod1", "get", "version", "greet")
    except OSError:
        return []


def test_scripts_follow_the_version_that_is_permanent(mill: Desk, works: Works) -> None:
    works.pair("0.1.0", "0.2.0")
    mill.start("0.1.0", "prod1")
    script = mill.root() / "bin" / "mill"
    assert script.read_text().endswith("# 0.1.0\n")
    assert mill.upgrade("0.2.0", *ONE).code == 0
    assert script.read_text().endswith("# 0.2.0\n")
    assert mill.rollback(*ONE).code == 0
    assert script.read_text().endswith("# 0.1.0\n")
