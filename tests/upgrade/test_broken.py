"""Broken upgrades of every kind: the rehearsal says so, and a node that is forced into one ends healthy."""

from __future__ import annotations

import pytest

from tests.upgrade.desk import Desk
from tests.upgrade.works import Works

pytestmark = [pytest.mark.hosts, pytest.mark.slow]

#: Others write, too: what matters may stand in the middle of a line, and has a long stack after it.
RAISES = """
IO.write(:stderr, "half a line ")
deep = fn deep, left -> if left == 0, do: System.fetch_env!("NEW_KEY"), else: [deep.(deep, left - 1)] end
config :counter, key: deep.(deep, 9)
"""
ONE = ("--host", "prod1")
#: By version: what its rehearsal says, and whether release_handler itself gives up.
BROKEN = {
    "1.1.0": ("code_change_failed", "no_way"),
    "1.2.0": ("code_change_failed", "mill,0"),
    "1.3.0": ("timeout", "change_code"),
    "1.4.0": ("not_started", "mill_more"),
    "1.5.0": ("its state is not as mill makes it", "a tuple of 2 instead of 3"),
    "1.6.0": ("on_load_failure", ""),
}


@pytest.mark.parametrize("version", BROKEN)
def test_a_broken_upgrade_is_refused_and_forced_it_leaves_a_healthy_node(
    mill: Desk, works: Works, version: str
) -> None:
    pair = works.pair("0.1.0", version)
    assert pair.verdict == "restart"
    for word in BROKEN[version]:
        assert word in pair.reasons[0]
    mill.start("0.1.0", "prod1")
    mill.ask("prod1", "turn")
    refused = mill.upgrade(version, *ONE)
    assert refused.code == 1
    assert f"the verdict on 0.1.0..{version} is `restart`" in refused.flat
    assert BROKEN[version][0] in refused.flat
    assert mill.ask("prod1", "turns") == ["1"]
    forced = mill.upgrade(version, *ONE, "--unproven")
    assert (forced.code, forced.states, forced.runs) == (4, {"prod1": "restarted"}, {"prod1": "0.1.0"}), forced.told
    assert BROKEN[version][0] in forced.flat
    assert "prod1 runs 0.1.0 (restarted)" in forced.flat
    assert forced.command[-1] == "--unproven"
    assert mill.versions()["prod1"] == ("0.1.0", "0.1.0")
    assert mill.ask("prod1", "turns", "version") == ["0", "0.1.0"]
    assert mill.locks("prod1") == mill.secrets("prod1") == []
    works.pair("0.1.0", "0.2.0")
    assert mill.upgrade("0.2.0", *ONE).states == {"prod1": "upgraded"}


def test_a_provider_that_raises_on_a_host_changes_nothing_there(counter: Desk) -> None:
    counter.start("0.1.0", "prod1")
    counter.ask("prod1", "incr")
    assert counter.deliver("deploy-release", "--version", "0.2.0", "--to", "production", *ONE).code == 0
    runtime = counter.root() / "releases" / "0.2.0" / "runtime.exs"
    good = runtime.read_text()
    runtime.write_text(f"{good}\n{RAISES}")
    before = counter.pids("prod1")
    done = counter.upgrade("0.2.0", *ONE)
    assert done.code == 1
    assert "the configuration of 0.2.0 cannot be computed" in done.flat
    assert "NEW_KEY" in done.flat
    assert "nothing was changed" in done.flat
    assert counter.versions()["prod1"] == ("0.1.0", "0.1.0")
    assert counter.locks("prod1") == counter.secrets("prod1") == []
    runtime.write_text(good)
    assert counter.upgrade("0.2.0", *ONE).states == {"prod1": "upgraded"}
    assert counter.ask("prod1", "get", "version") == ["1", "0.2.0"]
    assert counter.pids("prod1") == before
