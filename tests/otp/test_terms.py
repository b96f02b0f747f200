from __future__ import annotations

import subprocess
from typing import Any

import pytest

from deliver.errors import TargetError
from deliver.otp.terms import Atom, write


@pytest.mark.parametrize(
    ("term", "text"),
    [
        (Atom("demo"), "demo"),
        (Atom("Elixir.Demo"), "'Elixir.Demo'"),
        (Atom("end"), "'end'"),
        (Atom(""), "''"),
        (Atom("it's"), r"'it\x{27}s'"),
        ("demo", '"demo"'),
        ("", '""'),
        ('a "b" \\ \n', r'"a \x{22}b\x{22} \x{5c} \x{a}"'),
        (b"\x00a\xff", "<<0,97,255>>"),
        (b"", "<<>>"),
        (True, "true"),
        (False, "false"),
        (-7, "-7"),
        ([], "[]"),
        ((), "{}"),
        ([1, (Atom("a"), "b"), [True]], '[1,{a,"b"},[true]]'),
        ({Atom("a"): 1, "b": {}}, '#{a => 1,"b" => #{}}'),
    ],
)
def test_terms_are_written_as_erlang_has_them(term: Any, text: str) -> None:
    assert write(term) == text


def test_all_that_is_written_is_ascii() -> None:
    assert write([Atom("größer"), "√", "💥"]).isascii()


@pytest.mark.parametrize("term", [None, 1.5, {1}, object()])
def test_what_erlang_does_not_have_is_refused(term: Any) -> None:
    with pytest.raises(TypeError, match=f"{type(term).__name__} cannot be written"):
        write(term)


def test_text_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(TargetError, match="not UTF-8"):
        write("\udc80")


def test_a_real_erlang_reads_what_was_written() -> None:
    term = [Atom("größer"), Atom("Elixir.Demo"), "\"\\\n√💥\x00'", b"\x00\xff", True, -3, (), {Atom("k"): ["v"]}]
    read = r"['gr\x{f6}\x{df}er','Elixir.Demo',[34,92,10,8730,128165,0,39],<<0,255>>,true,-3,{},#{k => [[118]]}]"
    code = f'io:format("~w", [{write(term)} =:= {read}]), halt().'

    told = subprocess.run(["erl", "-noshell", "-eval", code], check=True, capture_output=True, text=True, timeout=30)

    assert told.stdout == "true"
