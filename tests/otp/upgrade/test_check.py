"""What is wrong with an upgraded node, told from snapshots."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from deliver.otp.upgrade.check import Expected, check, shape_difference
from deliver.otp.upgrade.snapshot import Process, Snapshot

FRESH = Snapshot(
    os_pid="7",
    release="0.2.0",
    applications={"demo": "0.2.0"},
    environment={"demo": {"key": "x"}},
    modules={"m": "new"},
    paths=("lib/demo-0.2.0/ebin",),
    tree=(
        Process(("demo", "a"), pid="<0.9.0>", behaviour="gen_server", callback="m", state={"map": {"n": "integer"}}),
    ),
    names=("a",),
    tables=("t",),
    ports=(4000,),
)


def wrong(now: Snapshot, before: Snapshot = FRESH, *, elsewhere: bool = False) -> list[str]:
    found = check(now, Expected(FRESH, before, elsewhere=elsewhere))
    return [f"{one.about}: {one.text}" for one in found if one.level == "error"]


def test_a_node_that_is_as_a_fresh_one_is_right() -> None:
    assert wrong(FRESH) == []


@pytest.mark.parametrize(
    ("now", "text"),
    [
        ({"os_pid": "8"}, "it was restarted"),
        ({"release": "0.1.0"}, "it runs 0.1.0, not 0.2.0"),
        ({"modules": {"m": "old"}}, "not this version's"),
        ({"paths": ()}, "is not in the code path"),
        ({"paths": ("lib/demo-0.2.0/ebin", "lib/demo-0.1.0/ebin")}, "still in the code path"),
        ({"applications": {"demo": "0.1.0"}}, "runs as 0.1.0, on a freshly booted node as 0.2.0"),
        ({"environment": {"demo": {"key": "y"}}}, "has another value"),
        ({"environment": {"demo": {}}}, "is missing"),
        ({"environment": {"demo": {"key": "x", "old": "z"}}}, "is left over"),
        ({"tree": ()}, "is not in the supervision tree"),
        ({"names": ()}, "is not registered any more"),
        ({"tables": ()}, "an ETS table"),
        ({"ports": ()}, "nobody listens on"),
        ({"errors": ("error: boom",)}, "error: boom"),
    ],
)
def test_every_difference_is_told(now: dict[str, Any], text: str) -> None:
    assert any(text in line for line in wrong(replace(FRESH, **now)))


def test_elsewhere_another_configuration_is_no_fault() -> None:
    other = replace(FRESH, environment={"demo": {"key": "y"}})
    assert wrong(other, elsewhere=True) == []


def test_children_that_came_while_the_node_ran_may_stay_and_those_that_should_have_gone_may_not() -> None:
    came, gone = (Process(("demo", name), pid="<0.8.0>") for name in ("came", "gone"))
    started = replace(FRESH, tree=(*FRESH.tree, gone))
    now = replace(FRESH, tree=(*FRESH.tree, gone, came, Process(("kernel", "timer_server"), pid="<0.3.0>")))
    found = [one.about for one in check(now, Expected(FRESH, now, started=started)) if one.level == "error"]
    assert found == ["demo / gone"]


def test_functions_of_code_that_is_gone_are_told_and_are_a_fault_when_they_came_with_the_step() -> None:
    process = FRESH.tree[0]
    stale = replace(FRESH, tree=(replace(process, funs=("Elixir.M",), stale=("Elixir.M",)),))
    assert wrong(stale) == ["demo / a: keeps in its state a function of M as it was before: to call it fails"]
    assert wrong(stale, stale) == []


def test_structs_of_before_in_a_state_are_told() -> None:
    process = FRESH.tree[0]
    now = replace(FRESH, tree=(replace(process, structs={"S": [["a", "b"], ["a", "c"]], "T": [["x"]]}),))
    expected = Expected(FRESH, FRESH, structs={"S": ("a", "b"), "U": ("x",)})
    found = [one.text for one in check(now, expected) if one.level == "error"]
    assert found == ["in its state, a S is of before: it lacks b and it still has c; it needs a code_change"]


def test_states_of_those_that_come_and_go_are_compared_with_any_of_their_module() -> None:
    guest = Process(("demo", "x", "1"), callback="m", behaviour="gen_server", dynamic=True, state={"tuple": ["list"]})
    before = replace(FRESH, modules={"m": "old"}, tree=(guest,))
    now = replace(FRESH, tree=(*FRESH.tree, guest))
    bare = replace(FRESH, tree=())
    assert [one.level for one in check(now, Expected(bare, before)) if one.about == "m"] == ["warning"]
    text = "its state is not as m makes it: a tuple of 1 instead of 2; it needs a code_change"
    for state, told in (({"tuple": ["list", "list"]}, [text]), ({"tuple": ["list"]}, [])):
        used = replace(bare, tree=(replace(guest, state=state),))
        found = check(now, Expected(bare, before, used=used))
        assert [one.text for one in found if one.about == "demo / x / 1"] == told


def test_a_process_that_ended_or_stands_still_is_told() -> None:
    process = FRESH.tree[0]
    assert any("another process" in one for one in wrong(replace(FRESH, tree=(replace(process, pid="<0.99.0>"),))))
    assert any("still suspended" in one for one in wrong(replace(FRESH, tree=(replace(process, suspended=True),))))


@pytest.mark.parametrize(
    ("has", "wanted", "text"),
    [
        ({"map": {"n": "integer"}}, {"map": {"n": "integer", "step": "integer"}}, "lacks step"),
        ({"map": {"n": "integer", "room": "pid"}}, {"map": {"n": "integer"}}, ""),
        ({"map": {}}, "map", ""),
        ({"struct": "S", "keys": {"a": "list"}}, {"struct": "S", "keys": {"a": "list", "b": "list"}}, "lacks b"),
        ({"struct": "S", "keys": {}}, {"struct": "T", "keys": {}}, "S instead of T"),
        ({"tuple": [{"atom": "state"}, "list"]}, {"tuple": [{"atom": "state"}, "list", "map"]}, "a tuple of 2"),
        ({"tuple": [{"atom": "one"}]}, {"tuple": [{"atom": "two"}]}, "one instead of two"),
        ("integer", "atom", ""),
        ("integer", "float", ""),
        ("integer", "binary", "integer instead of binary"),
    ],
)
def test_shapes_tell_only_what_follows_from_them(has: Any, wanted: Any, text: str) -> None:
    found = shape_difference(has, wanted)
    assert (text in found) if text else found == ""
