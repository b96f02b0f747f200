"""Ten upgrades one after the other, and all the way back."""

from __future__ import annotations

import pytest

from tests.upgrade.desk import Desk
from tests.upgrade.works import CHAIN, Works

pytestmark = [pytest.mark.hosts, pytest.mark.slow]

ONE = ("--host", "prod1")
#: A node is killed when it has come to these.
KILLED_UP, KILLED_DOWN = {"0.1.3", "0.1.9"}, {"0.1.6"}


def test_ten_upgrades_and_ten_ways_back_with_nodes_that_die_between(mill: Desk, works: Works) -> None:
    works.link()
    mill.start("0.1.0", "prod1")
    turns = 0
    for version in CHAIN[1:]:
        turns = turn_and_change(mill, turns, version, up=True, killed=version in KILLED_UP)
    for version in reversed(CHAIN[:-1]):
        turns = turn_and_change(mill, turns, version, up=False, killed=version in KILLED_DOWN)
    assert mill.versions()["prod1"] == ("0.1.0", "0.1.0")
    kept = mill.root() / ".deliver" / "upgrades"
    assert len(list(kept.iterdir())) == 10


def turn_and_change(desk: Desk, turns: int, version: str, *, up: bool, killed: bool) -> int:
    assert desk.ask("prod1", "turn") == [str(turns + 1)]
    # `rollback` without a version goes one step back.
    done = desk.upgrade(version, *ONE) if up else desk.rollback(*ONE)
    assert done.code == 0, done.told
    assert desk.ask("prod1", "turns", "version", "sound") == [str(turns + 1), version, f"the sound of {version}"]
    if not killed:
        return turns + 1
    desk.kill_node()
    assert desk.deliver("start", "--on", "production", *ONE).code == 0
    assert desk.ask("prod1", "turns", "version") == ["0", version]
    return 0
