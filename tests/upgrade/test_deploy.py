"""Hot upgrades of three real hosts, and the way back, by the command line that people type."""

from __future__ import annotations

import re
import shutil

import pytest

from tests.upgrade.desk import ALL, Desk, on, option, wait_until
from tests.upgrade.works import BAD, Works

pytestmark = [pytest.mark.hosts, pytest.mark.slow]


def test_three_nodes_go_up_and_back_with_their_state_and_their_process(counter: Desk) -> None:
    counter.start("0.1.0")
    before = counter.pids()
    assert [counter.ask(name, "incr", "incr") for name in ALL] == [["1", "2"]] * 3
    done = counter.upgrade("0.2.0")
    assert (done.code, set(done.states.values())) == (0, {"upgraded"}), done.told
    answers = [counter.ask(name, "get", "double", "version", "greet") for name in ALL]
    assert answers == [["2", "4", "0.2.0", "HELLO"]] * 3
    assert counter.versions() == dict.fromkeys(ALL, ("0.2.0", "0.2.0"))
    again = counter.upgrade("0.2.0")
    assert (again.code, set(again.states.values())) == (0, {"runs it already"})
    back = counter.rollback()
    assert (back.code, set(back.states.values())) == (0, {"downgraded"}), back.told
    answers = [counter.ask(name, "get", "double", "version", "greet") for name in ALL]
    assert answers == [["2", "what?", "0.1.0", "hello"]] * 3
    assert counter.versions() == dict.fromkeys(ALL, ("0.1.0", "0.1.0"))
    assert counter.pids() == before
    assert counter.secrets() == []
    assert counter.locks() == []


def test_what_is_shipped_takes_one_connection_and_at_most_four_commands(mill: Desk, works: Works) -> None:
    works.pair("0.1.0", "0.2.0")
    mill.start("0.1.0")
    assert mill.deliver("deploy-release", "--version", "0.2.0", "--to", "production").code == 0
    done = mill.upgrade("0.2.0", "--verbose")
    assert set(done.states.values()) == {"upgraded"}, done.told
    told = re.findall(r"^(prod\d) .*\| (\d+) connection, (\d+) commands, .* sent", done.told, re.MULTILINE)
    assert sorted(told) == [(name, "1", "4") for name in ALL]


def test_each_node_gets_the_pair_that_leads_from_what_it_runs(mill: Desk, works: Works) -> None:
    pairs = [works.pair(old, "0.3.0") for old in ("0.1.0", "0.2.0")]
    assert {pair.verdict for pair in pairs} == {"hot"}
    for name, version in zip(ALL, ("0.1.0", "0.2.0", "0.3.0"), strict=True):
        mill.start(version, name)
    before = mill.pids()
    done = mill.upgrade("0.3.0")
    assert done.states == {"prod1": "upgraded", "prod2": "upgraded", "prod3": "runs it already"}, done.told
    assert mill.versions() == dict.fromkeys(ALL, ("0.3.0", "0.3.0"))
    assert not (mill.root("prod3") / ".deliver" / "upgrades").exists()
    undecided = mill.rollback(*on("prod1", "prod2"))
    assert undecided.code == 64
    assert "say which with --version: 0.1.0, 0.2.0" in undecided.flat
    for name, version in (("prod1", "0.1.0"), ("prod2", "0.2.0")):
        back = mill.rollback("--version", version, *on(name))  # ends the child that only 0.3.0 has
        assert back.states == {name: "downgraded"}, back.told
    assert mill.versions() == {"prod1": ("0.1.0",) * 2, "prod2": ("0.2.0",) * 2, "prod3": ("0.3.0",) * 2}
    assert mill.pids() == before


def test_what_cannot_be_done_everywhere_is_begun_nowhere(mill: Desk, works: Works) -> None:
    works.pair("0.1.0", "0.2.0")
    mill.start("0.1.0")
    refused = mill.upgrade("0.7.0")
    assert refused.code == 1
    assert "do: make it: invoke build-upgrade --from 0.1.0 --to 0.7.0" in refused.flat
    assert works.pair("0.1.0", "0.4.0").verdict == "restart"
    for more in ((), ("--unproven",)):
        refused = mill.upgrade("0.4.0", *more)
        assert refused.code == 1
        assert "is `restart`: vm.args changes" in refused.flat
        assert "invoke deploy-release --version 0.4.0 --to production --start" in refused.flat
    assert mill.upgrade("9.9.9").code == 64
    assert mill.deliver("deploy-upgrade", "--version", "0.2.0", "--to", "nowhere").code == 64
    assert mill.rollback().code == 64
    assert mill.upgrade("0.2.0", "--probation", "-1").code == 64
    assert mill.deliver("rpc", "sys:suspend(mill).", "--on", "production", "--host", "prod3").code == 0
    refused = mill.upgrade("0.2.0")
    assert refused.code == 1
    assert "prod3: mill / mill is suspended" in refused.flat
    assert "to go without it: --host prod1 --host prod2" in refused.flat
    assert mill.deliver("stop", "--on", "production", "--host", "prod3").code == 0
    refused = mill.upgrade("0.2.0")
    assert refused.code == 1
    assert "prod3: the node does not run" in refused.flat
    mill.fleet["prod2"].down()
    refused = mill.upgrade("0.2.0", *on("prod1", "prod2"))
    assert refused.code == 69
    assert mill.ask("prod1", "version") == ["0.1.0"]
    assert mill.locks("prod1") == []
    done = mill.upgrade("0.2.0", "--host", "prod1")
    assert (done.code, done.states) == (0, {"prod1": "upgraded"}), done.told


def test_a_node_that_nobody_installed_with_deliver_is_taken_over_as_it_runs(mill: Desk, works: Works) -> None:
    works.pair("0.1.0", "0.2.0")
    host = mill.fleet["prod1"]
    host.put(works.config.file.parent / "trees" / "0.1.0", "/srv/mill")
    host.shell("cd /srv/mill && echo $(ls -d erts-* | cut -c6-) 0.1.0 >releases/start_erl.data", user="deploy")
    host.shell("cd /srv/mill && setsid bin/mill daemon </dev/null >/dev/null 2>&1", user="deploy")
    wait_until(lambda: bool(mill.versions()["prod1"][0]), "it runs")
    assert mill.ask("prod1", "turn", "turn") == ["1", "2"]
    before = mill.pids("prod1")
    done = mill.upgrade("0.2.0", "--host", "prod1")
    assert (done.code, done.states) == (0, {"prod1": "upgraded"}), done.told
    back = mill.rollback("--host", "prod1")
    assert (back.code, back.states) == (0, {"prod1": "downgraded"}), back.told
    assert mill.ask("prod1", "turns", "version") == ["2", "0.1.0"]
    assert mill.pids("prod1") == before


def test_what_an_earlier_try_has_left_behind_does_no_harm(mill: Desk, works: Works) -> None:
    works.pair("0.1.0", "0.2.0")
    mill.start("0.1.0", "prod1")
    root = mill.root()
    tree = works.config.file.parent / "trees" / "0.2.0"
    shutil.copytree(tree / "lib" / "mill-0.2.0", root / "lib" / "mill-0.2.0")
    (root / "releases" / "0.2.0").mkdir()
    shutil.copy(tree / "releases" / "0.2.0" / "mill.rel", root / "releases" / "0.2.0" / "mill.rel")
    (root / "releases" / "0.2.0" / "relup").write_text('{"0.2.0", [], []}.\n')
    for name in ("upgrades/0.0.1..0.1.0", "upgrades/0.1.0..0.2.0", "upgrades/resolved", "incoming/upgrade.1"):
        (root / ".deliver" / name).mkdir(parents=True)
        (root / ".deliver" / name / "relup").write_text("rubbish")
    mill.fleet["prod1"].shell("chown -R deploy: /srv")
    unpacked = 'release_handler:set_unpacked("/srv/mill/releases/0.2.0/mill.rel", [{mill, "0.2.0", "/srv/mill/lib"}]).'
    assert mill.deliver("rpc", unpacked, "--on", "production", "--host", "prod1").code == 0
    done = mill.upgrade("0.2.0", "--host", "prod1")
    assert (done.code, done.states) == (0, {"prod1": "upgraded"}), done.told
    # Now it is old to release_handler.
    assert mill.rollback("--host", "prod1").code == 0
    done = mill.upgrade("0.2.0", "--host", "prod1")
    assert (done.code, done.states) == (0, {"prod1": "upgraded"}), done.told
    assert not list((root / ".deliver" / "incoming").iterdir())


def test_a_failure_on_the_second_host_leaves_a_fleet_that_is_told_and_mended(mill: Desk, works: Works) -> None:
    assert works.pair("0.1.0", "0.5.0").verdict == "hot"
    mill.start("0.1.0")
    mill.fleet["prod2"].shell(f"touch {BAD}", user="deploy")
    before = mill.pids()
    done = mill.upgrade("0.5.0")
    assert done.code == 3, done.told
    assert done.states == {"prod1": "upgraded", "prod2": "restarted", "prod3": "waiting"}
    assert done.runs == {"prod1": "0.5.0", "prod2": "0.1.0", "prod3": "0.1.0"}
    assert "prod1 runs 0.5.0 (upgraded); prod2 runs 0.1.0 (restarted); prod3 runs 0.1.0 (not touched)" in done.flat
    assert "or back to 0.1.0: invoke rollback --version 0.1.0 --on production --host prod1" in done.flat
    assert mill.versions() == {"prod1": ("0.5.0",) * 2, "prod2": ("0.1.0",) * 2, "prod3": ("0.1.0",) * 2}
    assert mill.locks() == []
    mill.fleet["prod2"].shell(f"rm {BAD}")
    assert option(done.command, "--version") == ["0.5.0"]
    on_again = mill.deliver(*done.command, "--probation", "0")
    assert on_again.code == 0, on_again.told
    assert on_again.states == {"prod1": "runs it already", "prod2": "upgraded", "prod3": "upgraded"}
    assert mill.versions() == dict.fromkeys(ALL, ("0.5.0", "0.5.0"))
    assert mill.pids() == before  # the restart was one inside the process
