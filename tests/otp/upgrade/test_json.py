"""The JSON that our Erlang writes."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.otp.upgrade.trees import Reader


def said(reader: Reader, expression: str) -> bytes:
    """Return what is printed of an Erlang expression."""
    text = f"file:write(standard_io, {expression}), halt()."
    line = ["erl", "+S", "1", "-noinput", "-boot", "no_dot_erlang", "-pa", str(reader.beams), "-eval", text]
    return subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True).stdout


@pytest.mark.parametrize(
    ("term", "value"),
    [
        ('#{a => 1, <<98>> => [], "c" => #{}}', {"a": 1, "b": [], "c": {}}),
        ("[true, false, null, undefined, 'Elixir.A']", [True, False, None, "undefined", "Elixir.A"]),
        ("[1.5, -1.0e300, 1.0e-7, 1 bsl 70]", [1.5, -1.0e300, 1.0e-7, 2**70]),
        (r"<<$a, $\", $\\, $\n, 0, 127>>", 'a"\\\n\0\x7f'),
        ("<<16#10d/utf8, 16#1f600/utf8>>", "č\U0001f600"),
        ("<<255, $x, 195>>", "\ufffdx\ufffd"),
        (r"deliver_json:text([16#10d, <<195>>, <<169>>, $z])", "čéz"),
        (r"deliver_json:text([$a, 16#d800, <<196, 141>>, -1, [b] | c])", "a\ufffdč\ufffd\ufffd\ufffd"),
    ],
)
def test_a_term_is_the_json_that_it_should_be_and_only_ascii(reader: Reader, term: str, value: object) -> None:
    text = said(reader, f"deliver_json:encode({term})")
    assert json.loads(text.decode("ascii")) == value
