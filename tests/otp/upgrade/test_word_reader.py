"""What our Erlang makes of developers' terms, calls and relups."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

import deliver.payload
from deliver.otp.terms import Atom, write
from tests.otp.upgrade.trees import erlc

_PAYLOAD = Path(deliver.payload.__file__).parent
GOOD = """{"2",
  [{"1", [], [point_of_no_return]}],
  [{"1", [], [point_of_no_return, {load, {m, a, b}}, {apply, {application, stop, [x]}},
    {apply, {deliver_relup, end_child, [[demo, 'A.b']]}}]}]}.
"""
_EXPRESSION = 'deliver_word:main(["request"]), halt(0)'


@pytest.fixture(scope="module")
def beams(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("beams")
    erlc(made, *(_PAYLOAD / f"{name}.erl" for name in ("deliver_json", "deliver_word")))
    return made


def ask(beams: Path, place: Path, **request: Any) -> Any:
    text = write({Atom(key): value for key, value in {"old": "1", "new": "2", **request}.items()})
    (place / "request").write_text(f"{text}.\n")
    line = ["erl", "-noinput", "-boot", "no_dot_erlang", "-pa", str(beams), "-eval", _EXPRESSION]
    done = subprocess.run(line, cwd=place, env=os.environ, capture_output=True, timeout=60, check=True)
    return json.loads(done.stdout)


def test_terms_and_calls_are_written_on_one_line_or_told_wrong(beams: Path, tmp_path: Path) -> None:
    asked = [
        (Atom("term"), '{a,\n "b", <<"c">>}'),
        (Atom("term"), "{a"),
        (Atom("term"), 'a "b'),
        (Atom("call"), "'Elixir.A':f({x}, [1])"),
        (Atom("call"), "f(1)"),
        (Atom("call"), "m:f(X)"),
    ]
    assert ask(beams, tmp_path, terms=asked)["terms"] == [
        {"text": '{a,"b",<<"c">>}'},
        {"problem": "syntax error before: '.'"},
        {"problem": 'unterminated string starting with "b."'},
        {"text": "{'Elixir.A',f,[{x},[1]]}", "module": "Elixir.A", "function": "f/2"},
        {"problem": "it is no call of a module's function"},
        {"problem": "its arguments must be terms"},
    ]


@pytest.mark.parametrize(
    ("relup", "problem"),
    [
        (GOOD, ""),
        ('{"3",[{"1",[],[]}],[{"1",[],[]}]}.', 'it must be one {"2", [{"1", [], Up}], [{"1", [], Down}]}'),
        ('{"2",[{"1",[],[]}],[{"1",[],[]}]}.', "point_of_no_return must stand once on the way up, not 0 times"),
        ('{"2",[{"1",[],[lod]}],[{"1",[],[point_of_no_return]}]}.', "lod on the way up is no instruction of a relup"),
        ('{"2",[', "1: syntax error before: "),
        ("a. b.", "it must be one term"),
    ],
)
def test_a_relup_has_its_shape_and_versions(beams: Path, tmp_path: Path, relup: str, problem: str) -> None:
    (tmp_path / "relup").write_text(relup)
    expected = {"problem": problem} if problem else {"modules": ["m"], "ended": [["demo", "'A.b'"], ["x"]]}
    assert ask(beams, tmp_path, relup="relup")["relup"] == expected
