"""What is told of how long processes stood."""

from deliver.otp.upgrade.pauses import longest, pauses
from deliver.otp.upgrade.snapshot import Snapshot


def test_the_longest_pause_comes_first_and_is_told_with_its_modules() -> None:
    groups = (
        {"modules": ["m"], "microseconds": 340},
        {"modules": ["Elixir.Counter.A", "b", "c", "d", "e"], "microseconds": 3120},
    )
    found = pauses(Snapshot("1", "0.2.0", pauses=groups))
    assert [one.modules for one in found] == [("Elixir.Counter.A", "b", "c", "d", "e"), ("m",)]
    assert longest(found) == "longest pause 3.1 ms: Counter.A, b, c and 2 more"
    assert str(found[1]) == "0.3 ms: m"
    assert longest(pauses(Snapshot("1", "0.2.0"))) == ""


def test_a_long_pause_has_no_fractions() -> None:
    (found,) = pauses(Snapshot("1", "0.2.0", pauses=({"modules": ["m"], "microseconds": 1_234_567},)))
    assert str(found) == "1235 ms: m"
