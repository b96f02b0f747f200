"""Developers' appups as data: which one counts, and where its instructions stand."""

from __future__ import annotations

from typing import Any

import pytest

from deliver.errors import BuildError
from deliver.otp.upgrade.appup import DELIVER, EBIN, REL, SRC, Appup, Chosen, Script, choose
from deliver.otp.upgrade.facts import App, Facts
from deliver.otp.upgrade.plan import Plan, early_plan, make_plan
from tests.otp.upgrade.test_plan import TREE, module, release, texts

VERSIONS = {"lib": ("1", "2")}


def script(name: str, /, **more: Any) -> Script:
    return Script(late=(f"{{load,{{{name},brutal_purge,brutal_purge}}}}",), modules=(name,), **more)


def appup(rank: int = DELIVER, /, **more: Any) -> Appup:
    given = {"version": "2", "up": script("lib_a"), "down": script("lib_a"), **more}
    return Appup("lib", f"place {rank}", rank, **given)


def test_the_strongest_place_counts_and_one_that_does_not_cover_the_way_lets_the_next_speak() -> None:
    assert choose([appup(SRC), appup(DELIVER), appup(EBIN)], VERSIONS).by_app["lib"].rank == DELIVER
    chosen = choose([appup(DELIVER, down=None), appup(REL, version="1", up=None, down=None), appup(SRC)], VERSIONS)
    assert chosen.by_app["lib"].rank == SRC
    text = "does not count: it covers only the way up from lib 1"
    assert next((one.level, one.about, one.text) for one in chosen.findings) == ("warning", "place 0", text)


def test_an_appup_of_the_repository_that_is_wrong_is_an_error_and_one_of_a_dependency_is_named() -> None:
    with pytest.raises(BuildError, match="place 3: it is of lib 3, and the release has 2"):
        choose([appup(SRC, version="3")], VERSIONS)
    with pytest.raises(BuildError, match="place 0: syntax error"):
        choose([appup(DELIVER, problem="syntax error")], VERSIONS)
    chosen = choose([appup(EBIN, version="3", own=True)], VERSIONS)
    assert chosen.by_app == {}
    assert chosen.findings[0].text == "does not count: it is of lib 3, and the release has 2"


def releases() -> tuple[Facts, Facts]:
    """Return two releases in which `demo` stands on `lib`, and both change."""
    made = []
    for version, md5 in (("1", "a"), ("2", "b")):
        lib = App("lib", version, modules={name: module(name, md5) for name in ("lib_a", "lib_b")})
        demo = App("demo", f"0.{version}.0", dependencies=("lib",), modules={"demo": module("demo", md5)})
        facts = release(f"0.{version}.0")
        made.append(Facts(**{**vars(facts), "apps": {"kernel": facts.apps["kernel"], "lib": lib, "demo": demo}}))
    return made[0], made[1]


def planned(one: Appup) -> Plan:
    return make_plan(*releases(), TREE, TREE, None, choose([one], {one.app: (one.version, one.version)}))


def test_its_instructions_stand_where_its_application_does_and_what_it_forgot_is_ours() -> None:
    made = planned(appup())
    lib, ours, demo = (
        f"{{load,{{{name},{purge}_purge,{purge}_purge}}}}"
        for name, purge in (("lib_a", "brutal"), ("lib_b", "soft"), ("demo", "soft"))
    )
    assert texts(made.up) == [lib, demo, ours]
    assert texts(made.down) == [demo, ours, lib]
    assert [one.about for one in made.findings if one.level == "warning"] == ["lib_b"]


def test_what_stands_on_others_comes_after_them_going_up() -> None:
    both = script("demo")
    made = planned(Appup("demo", "place", DELIVER, version="0.2.0", up=both, down=both))
    assert texts(made.up)[-1] == both.late[0]
    assert texts(made.down)[0] == both.late[0]


def test_what_comes_before_the_point_of_no_return_stays_there() -> None:
    early = Script(early=("{apply,{a,b,[]}}",), modules=("lib_a", "lib_b"))
    made = planned(appup(up=early, down=early))
    up = [one.text for one in made.up]
    assert up.index("{apply,{a,b,[]}}") < up.index("point_of_no_return")


def test_an_appup_that_restarts_the_emulator_is_a_restart() -> None:
    chosen = Chosen({"lib": appup(up=script("lib_a", restarts=True))})
    made = early_plan(*releases(), None, chosen)
    assert made is not None
    assert made.restart == ("place 0 restarts the emulator",)


def test_an_application_that_it_stops_and_starts_has_new_processes() -> None:
    stops = script("lib_a", stops=("lib",))
    assert planned(appup(up=stops, down=stops)).ended == (("lib",),)
