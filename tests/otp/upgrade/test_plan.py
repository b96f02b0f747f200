"""Plans as data: what two releases and two trees come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from deliver.errors import BuildError
from deliver.otp.upgrade.facts import App, Facts, Module
from deliver.otp.upgrade.hints import Hints
from deliver.otp.upgrade.order import callees_first
from deliver.otp.upgrade.plan import Plan, early_plan, make_plan
from deliver.otp.upgrade.relup import render
from deliver.otp.upgrade.snapshot import Process, Snapshot, Supervisor
from deliver.otp.upgrade.tree import INLINE

TREE = Snapshot(os_pid="1", release="0.1.0")


def module(name: str, md5: str = "a", /, **more: Any) -> Module:
    return Module(name, md5, "", **more)


def release(version: str, *modules: Module, apps: Sequence[App] = (), **more: object) -> Facts:
    own = App("demo", version, callback="demo_app", modules={one.name: one for one in modules})
    kernel = App("kernel", "8.5")
    found = {app.name: app for app in (kernel, own, *apps)}
    return Facts("demo", version, "13.1", "mix", includes_erts=True, apps=found, **more)  # type: ignore[arg-type]


def top(module_name: str = INLINE, *, name: str = "demo_sup") -> Process:
    supervisor = Supervisor(module_name, "one_for_one", 3, 5)
    return Process(("demo",), pid="<0.1.0>", behaviour="supervisor", name=name, supervisor=supervisor)


def child(name: str, arguments: str = "") -> Process:
    return Process(("demo", name), pid="<0.2.0>", behaviour="gen_server", callback=name, arguments=arguments)


def tree(*processes: Process) -> Snapshot:
    return replace(TREE, tree=processes)


def plan(old: Facts, new: Facts, old_tree: Snapshot = TREE, new_tree: Snapshot = TREE, **hints: object) -> Plan:
    return make_plan(old, new, old_tree, new_tree, Hints(**hints))  # type: ignore[arg-type]


def texts(steps: Sequence[object]) -> list[str]:
    """Return the instructions that a plan is about, without those that every plan has."""
    common = ("load_object_code", "erl_eval", "point_of_no_return", "configure", "environment")
    return [one.text for one in steps if not any(word in one.text for word in common)]  # type: ignore[attr-defined]


def test_modules_are_loaded_after_those_that_they_call_and_circles_together() -> None:
    uses = {"a": ["b", "x"], "b": ["c"], "c": ["b", "d"], "d": [], "e": ["a"]}
    assert callees_first(uses) == [("d",), ("b", "c"), ("a",), ("e",)]


def test_a_changed_module_is_loaded_and_nobody_is_held_for_it() -> None:
    made = plan(release("0.1.0", module("m"), module("n")), release("0.2.0", module("m", "b"), module("n")))
    assert texts(made.up) == ["{load,{m,soft_purge,soft_purge}}"]
    assert texts(made.down) == ["{load,{m,soft_purge,soft_purge}}"]
    assert made.modules == ("m",)


def test_nothing_but_a_new_version_needs_no_module() -> None:
    assert texts(plan(release("0.1.0", module("m")), release("0.2.0", module("m"))).up) == []


def test_a_server_is_held_loaded_changed_and_let_go_and_asked_before_the_load_on_the_way_back() -> None:
    server = {"behaviours": ("gen_server",), "exports": ("code_change/3",)}
    made = plan(release("0.1.0", module("m", **server)), release("0.2.0", module("m", "b", **server)))
    load = "{load,{m,soft_purge,soft_purge}}"
    assert texts(made.up) == ["{suspend,[{m,5000}]}", load, "{code_change,up,[{m,[]}]}", "{resume,[m]}"]
    assert texts(made.down) == ["{suspend,[{m,5000}]}", "{code_change,down,[{m,[]}]}", load, "{resume,[m]}"]


def test_a_server_that_exports_no_code_change_is_only_held() -> None:
    server = {"behaviours": ("gen_server",)}
    made = plan(release("0.1.0", module("m", **server)), release("0.2.0", module("m", "b", **server)))
    assert texts(made.up) == ["{suspend,[{m,5000}]}", "{load,{m,soft_purge,soft_purge}}", "{resume,[m]}"]


def test_a_process_shows_that_a_module_is_a_callback_module_without_a_word_in_it() -> None:
    seen = tree(top(), child("m"))
    made = plan(release("0.1.0", module("m")), release("0.2.0", module("m", "b")), seen, seen)
    assert texts(made.up)[0] == "{suspend,[{m,5000}]}"


def test_deletes_come_last_both_ways_and_a_new_module_before_its_caller() -> None:
    old = release("0.1.0", module("caller", "a", calls=("gone",)), module("gone"))
    new = release("0.2.0", module("caller", "b", calls=("fresh",)), module("fresh"))
    made = plan(old, new)
    fresh, caller = "{load,{fresh,soft_purge,soft_purge}}", "{load,{caller,soft_purge,soft_purge}}"
    assert texts(made.up) == [fresh, caller, "{remove,{gone,soft_purge,soft_purge}}"]
    back = "{load,{gone,soft_purge,soft_purge}}"
    assert texts(made.down) == [back, caller, "{remove,{fresh,soft_purge,soft_purge}}"]


def test_a_module_that_moves_to_another_application_is_loaded_once_and_not_deleted() -> None:
    lib = App("lib", "1", modules={"m": module("m")})
    old = release("0.1.0", apps=[lib])
    new = release("0.2.0", module("m"), apps=[replace(lib, version="2", modules={})])
    assert texts(plan(old, new).up) == ["{load,{m,soft_purge,soft_purge}}"]


def test_children_of_an_inline_supervisor_are_told_to_it_then_started_and_stopped_on_the_way_back() -> None:
    files = (release("0.1.0", module("m")), release("0.2.0", module("m")))
    made = plan(*files, tree(top(), child("a")), tree(top(), child("a"), child("b")))
    assert texts(made.up) == [
        '{apply,{deliver_relup,supervisor,[demo,"0.2.0"]}}',
        "{apply,{deliver_relup,start_child,[[demo,b]]}}",
    ]
    assert texts(made.down) == [
        "{apply,{deliver_relup,stop_child,[[demo,b]]}}",
        '{apply,{deliver_relup,supervisor,[demo,"0.1.0"]}}',
    ]
    assert made.inline == {"demo": "demo_sup"}


def test_a_supervisor_module_is_asked_once_for_several_changes() -> None:
    own = module("sup", behaviours=("supervisor",))
    files = (release("0.1.0", own), release("0.2.0", own))
    made = plan(*files, tree(top("sup"), child("a"), child("b")), tree(top("sup"), child("b"), child("c"), child("d")))
    assert texts(made.up) == [
        "{apply,{deliver_relup,stop_child,[[demo,a]]}}",
        "{suspend,[sup]}",
        "{code_change,up,[{sup,[]}]}",
        "{resume,[sup]}",
        "{apply,{deliver_relup,start_child,[[demo,c]]}}",
        "{apply,{deliver_relup,start_child,[[demo,d]]}}",
    ]


def test_a_new_application_starts_before_the_rest_and_ends_after_it() -> None:
    extra = App("extra", "1", callback="extra_app", modules={"extra_app": module("extra_app")})
    made = plan(release("0.1.0", module("m")), release("0.2.0", module("m", "b"), apps=[extra]))
    assert texts(made.up) == [
        "{load,{extra_app,soft_purge,soft_purge}}",
        "{apply,{application,start,[extra,permanent]}}",
        "{load,{m,soft_purge,soft_purge}}",
    ]
    assert texts(made.down) == [
        "{load,{m,soft_purge,soft_purge}}",
        "{apply,{application,stop,[extra]}}",
        "{remove,{extra_app,soft_purge,soft_purge}}",
        "{apply,{application,unload,[extra]}}",
        "{apply,{code,del_path,[extra]}}",
    ]


def test_hints_say_how_to_purge_and_how_long_to_wait() -> None:
    server = {"behaviours": ("gen_server",)}
    old, new = release("0.1.0", module("m", **server)), release("0.2.0", module("m", "b", **server))
    made = plan(old, new, purge={"m": "brutal"}, timeout={"m": 60000})
    assert texts(made.up)[:2] == ["{suspend,[{m,60000}]}", "{load,{m,brutal_purge,brutal_purge}}"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"erts": "14.0"}, "the runtime system changes: ERTS 13.1 to 14.0"),
        ({"vm_args": "other"}, "vm.args changes"),
        ({"env_sh": "other"}, "env.sh changes"),
    ],
)
def test_what_a_node_reads_only_at_its_boot_is_a_restart(change: dict[str, str], reason: str) -> None:
    new = replace(release("0.2.0"), **change)  # type: ignore[arg-type]
    made = early_plan(release("0.1.0"), new)
    assert made is not None
    assert made.restart[0].startswith(reason)


def test_native_code_that_changes_is_a_restart() -> None:
    made = early_plan(
        release("0.1.0", module("nif", loads_native=True)), release("0.2.0", module("nif", "b", loads_native=True))
    )
    assert made is not None
    assert "native code" in made.restart[0]
    same = release("0.2.0", module("nif", loads_native=True))
    assert early_plan(release("0.1.0", module("nif", loads_native=True)), same) is None


def test_an_inline_supervisor_needs_no_name() -> None:
    files = (release("0.1.0"), release("0.2.0"))
    assert plan(*files, tree(top(name="")), tree(top(name=""), child("a"))).inline == {"demo": ""}


def test_a_supervisor_below_is_given_what_stands_in_its_child_spec() -> None:
    files = (release("0.1.0"), release("0.2.0"))
    before, after = (
        replace(top(), path=("demo", "x"), type="supervisor", start="Elixir.Supervisor:start_link/2", arguments=one)
        for one in "ab"
    )
    grandchild = replace(child("a"), path=("demo", "x", "a"))
    made = plan(*files, tree(top(), before), tree(top(), after, grandchild))
    assert texts(made.up) == [
        '{apply,{deliver_relup,supervisor,[demo,"0.2.0"]}}',
        "{apply,{deliver_relup,inline_child,[[demo,x]]}}",
        "{apply,{deliver_relup,start_child,[[demo,x,a]]}}",
    ]
    assert made.inline == {"demo": "demo_sup"}
    hidden = [replace(one, start="demo_inner:start_link/0") for one in (before, after)]
    refused = plan(*files, tree(top(), hidden[0]), tree(top(), hidden[1], grandchild))
    assert "has its children inline, and not in its child spec" in refused.restart[0]


def test_a_dynamic_supervisor_reads_its_flags_after_the_load_both_ways() -> None:
    own = {"behaviours": ("Elixir.DynamicSupervisor",)}
    made = plan(release("0.1.0", module("m", **own)), release("0.2.0", module("m", "b", **own)))
    assert texts(made.down) == [
        "{load,{m,soft_purge,soft_purge}}",
        "{suspend,[m]}",
        "{code_change,down,[{m,[]}]}",
        "{resume,[m]}",
    ]


def test_a_state_machine_takes_another_callback_mode_only_on_the_way_up() -> None:
    own = {"behaviours": ("gen_statem",), "exports": ("callback_mode/0", "code_change/4")}
    old = release("0.1.0", module("m", mode="[state_functions]", **own))
    new = module("m", "b", mode="[handle_event_function]", **own)
    assert "callback mode" in plan(old, release("0.2.0", new)).one_way[0]
    deaf = replace(new, exports=("callback_mode/0",))
    assert "no code_change has OTP ask" in plan(old, release("0.2.0", deaf)).restart[0]
    assert plan(old, release("0.2.0", replace(new, mode="[state_functions]"))).one_way == ()


def test_child_specs_with_functions_of_a_changed_module_are_given_anew() -> None:
    files = (release("0.1.0", module("m")), release("0.2.0", module("m", "b")))
    holds = replace(top(), funs=("m",))
    assert '{apply,{deliver_relup,supervisor,[demo,"0.2.0"]}}' in texts(plan(*files, tree(holds), tree(holds)).up)
    other = replace(top(), funs=("n",))
    assert texts(plan(*files, tree(other), tree(other)).up) == ["{load,{m,soft_purge,soft_purge}}"]


def test_a_struct_that_changes_is_named_with_the_servers_that_know_it() -> None:
    old, new = module("item", struct=("name",)), module("item", "b", struct=("name", "price"))
    server = module("shelf", behaviours=("gen_server",), mentions=("item",))
    made = plan(release("0.1.0", old, server), release("0.2.0", new, server))
    assert [(one.level, one.about) for one in made.findings] == [("warning", "item")]
    assert "it gets price." in made.findings[0].text
    assert "those of shelf may" in made.findings[0].text
    assert plan(release("0.1.0", old), release("0.2.0", new)).findings[0].level == "note"


def test_a_top_process_that_is_no_supervisor_is_a_restart() -> None:
    files = (release("0.1.0", module("m")), release("0.2.0", module("m", "b")))
    lone = tree(Process(("demo",), pid="<0.1.0>", behaviour="gen_server", callback="m"))
    assert "is no supervisor" in plan(*files, lone, lone).restart[0]


def test_the_same_version_with_other_content_is_refused() -> None:
    old = release("0.1.0", apps=[App("lib", "1", modules={"m": module("m")})])
    new = release("0.2.0", apps=[App("lib", "1", modules={"m": module("m", "b")})])
    with pytest.raises(BuildError, match=r"lib 1: m"):
        make_plan(old, new, TREE, TREE)


def test_a_relup_has_a_reason_before_its_instructions_and_both_ways() -> None:
    made = plan(release("0.1.0", module("m")), release("0.2.0", module("m", "b")))
    lines = render(made).splitlines()
    assert lines[1] == '{"0.2.0",'
    at = lines.index("      {load,{m,soft_purge,soft_purge}},")
    assert lines[at - 1] == "      %% changed, plain"
    assert lines[-1] == "    ]}]}."


def test_a_relup_marks_when_processes_are_held_and_when_they_go_on() -> None:
    server = {"behaviours": ("gen_server",)}
    made = plan(release("0.1.0", module("m", **server)), release("0.2.0", module("m", "b", **server)))
    lines = [line.strip(" ,") for line in render(made).splitlines()]
    at = lines.index("{apply,{deliver_relup,mark,[held,[{m,5000}]]}}")
    assert lines[at - 1].startswith("%% their processes are held")
    assert lines[at + 1] == "{suspend,[{m,5000}]}"
    at = lines.index("{apply,{deliver_relup,mark,[go_on,[m]]}}")
    assert lines[at - 1] == "{resume,[m]}"
