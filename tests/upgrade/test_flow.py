"""Pairs of real releases, made and rehearsed for real on this machine."""

from dataclasses import replace
from pathlib import Path

import pytest

from deliver.config.schema import Rehearsal
from deliver.errors import UsageError
from deliver.upgrade.flow import Made, Request, build_upgrade
from tests.build.workshop import Workshop
from tests.ports import bell_config, own_ports

pytestmark = pytest.mark.slow


def made(workshop: Workshop, old: str = "0.1.0", new: str = "0.2.0") -> Made:
    return build_upgrade(workshop.config, workshop.store, workshop.story, Request(old, new))


def workshop(path: Path, app: str, probe: str = "") -> Workshop:
    shop = Workshop.make(path, app, files=bell_config() if app == "bell" else None)
    rehearsal = Rehearsal(env=own_ports(), probe=probe)
    return replace(shop, config=replace(shop.config, rehearsal=rehearsal))


def left_behind(path: Path) -> list[str]:
    """Return the processes that run out of a directory."""
    lines = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if f"{path}/" in line and "rehearsals" in line:
            lines.append(line)
    return lines


@pytest.mark.parametrize(("app", "module"), [("counter", "'Elixir.Counter.Protocol'"), ("bell", "bell")])
def test_a_pair_is_proven_and_kept_and_nothing_of_the_rehearsal_is_left(tmp_path: Path, app: str, module: str) -> None:
    shop = workshop(tmp_path, app)
    pair = made(shop).pair
    assert (pair.verdict, pair.reasons) == ("hot", ())
    relup = b"".join(shop.store.read(pair.files["relup"])).decode()
    assert relup.count("point_of_no_return") == 2
    assert f"{{load,{{{module}" in relup
    assert shop.story.steps[-2:] == ["after a soft restart it runs 0.2.0", "after a kill it runs 0.2.0"]
    assert left_behind(tmp_path) == []
    assert not (tmp_path / "build host" / app / "rehearsals").exists()
    again = made(shop)
    assert (again.pair, again.was_run) == (pair, False)


def test_a_probe_that_does_not_hold_leaves_the_pair_unproven_and_it_is_tried_again(tmp_path: Path) -> None:
    shop = workshop(tmp_path, "bell", probe="echo not yet; exit 3")
    pair = made(shop).pair
    assert pair.verdict == "unproven"
    assert pair.reasons == ("the probe does not hold for a fresh 0.2.0: ended with 3: not yet",)
    assert left_behind(tmp_path) == []
    assert made(workshop_with(shop, "true")).pair.verdict == "hot"


def workshop_with(shop: Workshop, probe: str) -> Workshop:
    return replace(shop, config=replace(shop.config, rehearsal=replace(shop.config.rehearsal, probe=probe)))


def test_both_sides_must_be_different_versions(tmp_path: Path) -> None:
    shop = workshop(tmp_path, "bell")
    with pytest.raises(UsageError, match="both sides are"):
        made(shop, "0.1.0", "v0.1.0")
