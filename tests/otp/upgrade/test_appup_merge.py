"""Our appups: as text, and put into files that people wrote."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deliver.errors import UsageError
from deliver.otp.upgrade.appup_merge import merge
from tests.otp.upgrade.test_plan import child, module, plan, release, texts, top, tree

OURS = '{"2",\n [{"1",\n   [{load_module,m}]}],\n [{"1",\n   []}]}.\n'
THEIRS = """%% Ours {since: 2019, [
{"2", % the version
 [{"0", [{apply, {m, f, ["}", '[', $], <<"x">>]}}]}],
 []
}.
"""


def test_another_version_is_added_and_all_else_stays() -> None:
    assert merge("f", THEIRS, OURS) == (
        """%% Ours {since: 2019, [
{"2", % the version
 [{"0", [{apply, {m, f, ["}", '[', $], <<"x">>]}}]},
  {"1",
   [{load_module,m}]}],
 [{"1",
   []}]
}.
"""
    )


def test_an_entry_that_is_there_is_left_unless_forced() -> None:
    there = '{"2", [{"1", [mine]}], [{"1", [too]}]}.'
    assert merge("f", there, OURS) == there
    assert merge("f", there, OURS, force=True) == ('{"2", [{"1",\n   [{load_module,m}]}], [{"1",\n   []}]}.')


def test_a_file_of_another_version_is_replaced_only_by_force_and_one_that_is_no_appup_never() -> None:
    with pytest.raises(UsageError, match='f is of version "3", not "2"'):
        merge("f", '{"3",[],[]}.', OURS)
    assert merge("f", '{"3",[],[]}.', OURS, force=True) == OURS
    for text in ("", "{a, b}.", '{"2", a, b}.'):
        with pytest.raises(UsageError, match="f is no appup"):
            merge("f", text, OURS, force=True)


def test_a_plan_is_said_in_high_level_instructions() -> None:
    server = {"behaviours": ("gen_server",), "exports": ("code_change/3",)}
    sup = module("sup", behaviours=("supervisor",))
    old = release("0.1.0", module("a", calls=("s",)), module("s", **server), module("gone"), sup)
    new = release(
        "0.2.0", module("a", "b", calls=("s",)), module("s", "b", **server), module("new"), replace(sup, md5="b")
    )
    trees = (tree(top("sup"), child("c")), tree(top("sup"), child("d")))
    made = plan(old, new, *trees, timeout={"s": "infinity"}, purge={"a": "brutal"})
    assert made.restart == ()
    text = made.appups["demo"]
    assert text.endswith(
        """{"0.2.0",
 [{"0.1.0",
   [{apply,{supervisor,terminate_child,[demo_sup,c]}},
    {apply,{supervisor,delete_child,[demo_sup,c]}},
    {update,s,infinity,{advanced,[]},soft_purge,soft_purge,[]},
    {load_module,a,brutal_purge,brutal_purge,[s]},
    {add_module,new},
    {update,sup,supervisor},
    {apply,{supervisor,restart_child,[demo_sup,d]}},
    {delete_module,gone}]}],
 [{"0.1.0",
   [{apply,{supervisor,terminate_child,[demo_sup,d]}},
    {apply,{supervisor,delete_child,[demo_sup,d]}},
    {update,s,infinity,{advanced,[]},soft_purge,soft_purge,[]},
    {load_module,a,brutal_purge,brutal_purge,[s]},
    {add_module,gone},
    {update,sup,supervisor},
    {apply,{supervisor,restart_child,[demo_sup,c]}},
    {delete_module,new}]}]}.
"""
    )
    assert any("start_child" in one for one in texts(made.up))


def test_what_no_instruction_says_is_named() -> None:
    files = (release("0.1.0", module("m")), release("0.2.0", module("m", "b")))
    text = plan(*files, tree(top()), tree(top(), child("c"))).appups["demo"]
    assert (
        "%% Not said here, as no instruction says it: demo_sup has its children inline, and they change: new c." in text
    )
