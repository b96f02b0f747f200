"""One host that brings to others what they lack alike, so that it crosses the operator's line once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.build.workshop import Workshop
from tests.hosts import Fleet
from tests.hosts.agent import agent
from tests.ship.bench import snapshot
from tests.ship.test_hosts import PRODUCTION, Desk, states, write_config

pytestmark = [pytest.mark.hosts, pytest.mark.slow]


@pytest.fixture
def key(fleet: Fleet) -> Iterator[None]:
    """An SSH agent has the operator's key."""
    with agent(fleet.identity):
        yield


def desk_of(path: Path, fleet: Fleet, workshop: Workshop, via: str, *, forwards: bool) -> Desk:
    write_config(path, fleet, workshop)
    config = path / "deliver.toml"
    forwarding = f"[ssh]\nforward_agent = {str(forwards).lower()}"
    text = config.read_text().replace("[ssh]", forwarding)
    zones = "\n".join(f'{name} = {{ zone = "{"b" if name == "prod3" else "a"}" }}' for name in PRODUCTION)
    text = text.replace('hosts = ["prod1", "prod2", "prod3"]\n', f'push = {{ via = "{via}" }}\n')
    config.write_text(f"{text}\n[environments.production.hosts]\n{zones}\n")
    return Desk(path, fleet)


def crossed(fleet: Fleet) -> int:
    """Return the bytes that have gone from the operator to hosts."""
    return int(Path("/sys/class/net", fleet.link, "statistics/tx_bytes").read_text())


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize(("via", "lines"), [("first", 1), ("zone", 2)])
def test_a_first_version_crosses_the_line_once_for_all_or_for_each_zone(
    fleet: Fleet, workshop: Workshop, tmp_path: Path, via: str, lines: int
) -> None:
    plain = desk_of(tmp_path, fleet, workshop, "none", forwards=False)
    code, told, err = plain.deploy("0.1.0", "--host", "prod1")
    assert code == 0, err
    (one,) = (row["bytes"] for row in told["hosts"])
    wanted = snapshot(plain.roots()[0])
    fleet.mend()
    desk, before = desk_of(tmp_path, fleet, workshop, via, forwards=True), crossed(fleet)
    code, told, err = desk.deploy("0.1.0")
    assert (code, set(states(told).values())) == (0, {"installed"}), err
    assert crossed(fleet) - before < (lines + 0.3) * one
    assert sorted(row["bytes"] > one / 2 for row in told["hosts"]) == [False] * (3 - lines) + [True] * lines
    assert ("by way of prod1" in err, "warning" in err) == (True, False)
    for root in desk.roots():
        found = snapshot(root)
        assert {path: found[path] for path in found if "COOKIE" not in path} == {
            path: wanted[path] for path in wanted if "COOKIE" not in path
        }
        assert [one for one in (root / ".deliver").iterdir() if one.name.startswith("relay")] == []
    assert len({(root / "releases/COOKIE").read_text() for root in desk.roots()}) == 1
    code, told, err = desk.deploy("0.2.0")
    assert (code, set(states(told).values())) == (0, {"installed"}), err


@pytest.mark.usefixtures("key")
def test_without_an_ssh_on_the_first_host_all_goes_from_here(fleet: Fleet, workshop: Workshop, tmp_path: Path) -> None:
    desk, ssh = desk_of(tmp_path, fleet, workshop, "first", forwards=True), fleet["prod1"].shell("command -v ssh")
    fleet["prod1"].run(["mount", "--bind", "/dev/null", ssh])
    try:
        code, told, err = desk.deploy("0.1.0")
    finally:
        fleet["prod1"].run(["umount", ssh])
    assert (code, set(states(told).values())) == (0, {"installed"}), err
    assert err.count("gets its files from here") == 2


def test_where_the_way_there_fails_all_goes_from_here(fleet: Fleet, workshop: Workshop, tmp_path: Path) -> None:
    desk = desk_of(tmp_path, fleet, workshop, "first", forwards=False)
    code, told, err = desk.deploy("0.1.0")
    assert (code, set(states(told).values())) == (0, {"installed"}), err
    told_why = re.findall(r"(prod\d) gets its files from here: the way there from another host fails: .*denied", err)
    assert sorted(told_why) == ["prod2", "prod3"]
