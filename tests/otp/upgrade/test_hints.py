"""Hints as data: what the file says, what is refused, and what comes of it in a plan."""

from __future__ import annotations

import pytest

from deliver.errors import ConfigError
from deliver.otp.upgrade.changes import Changes
from deliver.otp.upgrade.facts import App, Facts
from deliver.otp.upgrade.hints import Hints
from deliver.otp.upgrade.hints_file import Understood, read
from deliver.otp.upgrade.plan import Plan, early_plan, make_plan
from tests.otp.upgrade.test_plan import child, module, plan, release, texts, top, tree

OLD = release("0.1.0", module("m"), module("Elixir.Demo.Server"), module("hooks", exports=("run/1",)))
NEW = release("0.2.0", module("m", "b"), module("Elixir.Demo.Server", "b"), module("later", exports=("run/0",)))


def hints(text: str, *, old: Facts = OLD, new: Facts = NEW, **understood: Understood) -> Hints:
    found = read("v0.2.0:.deliver/upgrade.toml", text, "0.1.0..0.2.0")
    terms = {one: understood.get(one.kind, Understood(one.text)) for one in found.terms()}
    return found.hints(Changes(old, new), terms)


def test_modules_are_named_as_elixir_or_erlang_do() -> None:
    found = hints('skip = ["Demo.Server", ":m"]\n[purge]\nDemo.Server = "brutal"\nm = "soft"\n')
    assert found.skip == ("Elixir.Demo.Server", "m")
    assert found.purge == {"Elixir.Demo.Server": "brutal", "m": "soft"}


def test_what_is_said_of_the_pair_stands_above_and_of_other_pairs_does_not_count() -> None:
    found = hints(
        'purge = { m = "soft", "Demo.Server" = "soft" }\nskip = ["m"]\n'
        '[pair."0.1.0..0.2.0"]\npurge = { m = "brutal" }\ntimeout = { m = "infinity" }\n'
        '[pair."0.2.0..0.3.0"]\nskip = ["Demo.Server"]\n'
    )
    assert found.purge == {"m": "brutal", "Elixir.Demo.Server": "soft"}
    assert (found.timeout, found.skip) == ({"m": "infinity"}, ("m",))
    assert list(found.used) == ["purge: m brutal, Demo.Server soft", "skip: m", "timeout: m infinity"]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("purge = 3", "1: purge: must be a table, not a number", ""),
        ('skip = ["m"]\npruge = {}', "2: pruge: there is no such key", "did you mean purge?"),
        ('[purge]\nm = "hard"', "2: purge.m: must be one of soft, brutal", ""),
        ('timeout = { m = "5s" }', "1: timeout.m: must be milliseconds", ""),
        (
            '[purge]\nDemo.Sever = "soft"',
            "2: purge.Demo.Sever: neither release has a module Elixir.Demo.Sever",
            "did you",
        ),
        ('after = { m = ["n"] }', "1: after.m: neither release has a module n", ""),
        ('after = { m = ["Demo.Server"], "Demo.Server" = ["m"] }', "1: after.m: goes in a circle", ""),
        ('restart_applications = ["dmo"]', "1: restart_applications: not both releases have dmo", "did you mean demo?"),
        ('restart_children = "all"', "1: restart_children: must be true, or a list", "demo / Demo.Cache"),
        ('[pair.new]\nskip = ["m"]', "1: pair.new: is no pair of versions", '[pair."0.1.0..0.2.0"]'),
        ("skip = [", "1:", "toml.io"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_key(text: str, message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        hints(text)
    assert caught.value.message.startswith(f"v0.2.0:.deliver/upgrade.toml:{message}")
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("key", "call", "problem"),
    [
        ("before_upgrade", ("hooks", "run/1"), ""),
        ("before_upgrade", ("later", "run/0"), "0.1.0, which runs then, has no later"),
        ("after_upgrade", ("later", "run/0"), ""),
        ("before_downgrade", ("later", "run/0"), ""),
        ("after_downgrade", ("hooks", "run/2"), "0.1.0, which runs then, has no hooks:run/2"),
        ("after_upgrade", ("erlang", "display/1"), ""),
    ],
)
def test_what_is_called_must_be_in_the_release_that_runs_then(key: str, call: tuple[str, str], problem: str) -> None:
    understood = Understood("{m,f,[]}", module=call[0], function=call[1])
    if problem:
        with pytest.raises(ConfigError, match=problem):
            hints(f'{key} = ["m:f()"]', call=understood)
    else:
        assert getattr(hints(f'{key} = ["m:f()"]', call=understood), key) == ("{m,f,[]}",)


def test_a_call_names_its_module_as_elixir_does_too_and_a_term_that_erlang_cannot_read_is_told() -> None:
    found = read("f", 'before_upgrade = ["Demo.Server:stop([1])"]', "")
    assert [one.text for one in found.terms()] == ["'Elixir.Demo.Server':stop([1])"]
    with pytest.raises(ConfigError, match=r"extra.m: Erlang cannot read '\{': syntax error"):
        hints('extra = { m = "{" }', term=Understood(problem="syntax error"))


def test_calls_stand_around_each_way() -> None:
    calls = Hints(before_upgrade=["{a,b,[]}"], after_upgrade=["{c,d,[]}"], after_downgrade=["{e,f,[]}"])
    made = make_plan(OLD, NEW, tree(), tree(), calls)
    up = [one.text for one in made.up]
    assert up[up.index("point_of_no_return") + 1] == "{apply,{a,b,[]}}"
    assert up[-1] == "{apply,{c,d,[]}}"
    assert [one.text for one in made.down][-1] == "{apply,{e,f,[]}}"


def test_an_order_stands_above_that_of_calls_in_a_circle() -> None:
    old = release("0.1.0", module("a", "a", calls=("b",)), module("b", "a", calls=("c",)), module("c"))
    new = release("0.2.0", module("a", "b", calls=("b",)), module("b", "b", calls=("c",)), module("c", "b"))
    loads = [f"{{load,{{{name},soft_purge,soft_purge}}}}" for name in "cba"]
    assert texts(plan(old, new).up) == loads
    assert texts(plan(old, new, after={"c": ["a"]}).up) == [loads[2], loads[0], loads[1]]


def test_what_is_skipped_is_not_loaded_and_is_named() -> None:
    made = plan(OLD, NEW, skip=("m",), origin="f")
    assert not any("{load,{m," in one for one in texts(made.up))
    assert made.skipped == ("m",)
    assert next((one.level, one.about) for one in made.findings) == ("warning", "m")


def test_a_changed_child_is_restarted_when_hints_say_so() -> None:
    files = (release("0.1.0", module("m")), release("0.2.0", module("m", "b")))
    trees = (tree(top("sup"), child("a", "1"), child("b")), tree(top("sup"), child("a", "2"), child("b")))
    stop, start = ("{{apply,{{deliver_relup,{},[[demo,{}]]}}}}".format(*one) for one in _ends("a"))
    for told in ({"restart_changed": True}, {"restart_children": ("demo / a",)}):
        made = plan(*files, *trees, **told)
        assert (texts(made.up)[0], texts(made.up)[-1]) == (stop, start)
        assert (texts(made.down)[0], texts(made.down)[-1]) == (stop, start)
        assert made.ended == (("demo", "a"),)
    with pytest.raises(ConfigError, match="no child of both releases is at 'demo / c'") as caught:
        plan(*files, *trees, restart_children=("demo / c",), origin="f")
    assert caught.value.hint == 'there are: "demo / a", "demo / b"'


def _ends(name: str) -> list[tuple[str, str]]:
    return [("end_child", name), ("start_child", name)]


def test_a_restarted_application_stops_before_and_starts_after_and_its_children_are_not_touched() -> None:
    files = (release("0.1.0", module("m")), release("0.2.0", module("m", "b")))
    made = plan(*files, tree(top(name="")), tree(top(name=""), child("a")), restart_applications=("demo",))
    assert texts(made.up) == [
        "{apply,{application,stop,[demo]}}",
        "{load,{m,soft_purge,soft_purge}}",
        "{apply,{application,start,[demo,permanent]}}",
    ]
    assert (made.ended, made.restart) == ((("demo",),), ())


def test_native_code_that_can_be_loaded_again_is_no_reason_for_a_restart() -> None:
    old, new = (release(v, module("nif", v, loads_native=True)) for v in ("0.1.0", "0.2.0"))
    assert isinstance(early_plan(old, new), Plan)
    assert early_plan(old, new, Hints(nif_upgrade_ok=("nif",))) is None
    before, after = (
        release(v, apps=[App("lib", v, native={"lib.so": v}, modules={"nif": module("nif", v, loads_native=True)})])
        for v in ("0.1.0", "0.2.0")
    )
    assert early_plan(before, after, Hints(nif_upgrade_ok=("nif",))) is None
    assert make_plan(before, after, tree(), tree()).restart
