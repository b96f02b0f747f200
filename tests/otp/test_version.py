"""The order of versions."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deliver.otp.version import key

ANY = st.text() | st.from_regex(
    r"[0-9]{1,3}(\.[0-9]{1,3}){0,4}([-~.]?(rc|alpha|[0-9]){0,3}[0-9.]{0,3})?(\+[0-9a-f.]{0,5})?"
)


@pytest.mark.parametrize(
    "ascending",
    [
        # the example of semver.org
        [
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
        ],
        ["0.9.0", "0.10.0", "1.0.0"],
        ["1.2", "1.2.0.1", "1.2.1", "1.10"],
        ["13.1.5", "13.1.5.1", "13.1.5.10", "13.2"],
        ["1.0.0-rc9", "1.0.0-rc10", "1.0.0"],
        ["1.0.0~rc1", "1.0.0"],
        ["1.0rc1", "1.0"],
        ["0.0.1", "0.0.1+7", "0.0.1+10", "0.0.2"],
        ["1.0.0-rc.1", "1.0.0-rc.1+5", "1.0.0", "1.0.0+5"],
        ["nightly", "0.0.1"],
        ["2024.9.30", "2024.10.1"],
    ],
)
def test_versions_come_in_the_order_that_people_mean(ascending: list[str]) -> None:
    descending = ascending[::-1]
    assert sorted(descending, key=key) == ascending


def test_the_same_numbers_written_in_two_ways_are_neighbours() -> None:
    assert sorted(["1.0.1", "1.0.0", "1.0", "1.0-rc1"], key=key) == ["1.0-rc1", "1.0", "1.0.0", "1.0.1"]


@given(ANY, ANY)
@example("1.0", "1.0.0")
@example("1", "01")
@example("", "0")
@example("1" * 5000, "2" * 5000)
def test_the_order_is_total(one: str, other: str) -> None:
    assert (key(one) == key(other)) == (one == other)
    assert (key(one) < key(other)) + (key(one) == key(other)) + (key(one) > key(other)) == 1


@given(st.lists(ANY, max_size=8))
def test_the_order_does_not_depend_on_how_versions_came(versions: list[str]) -> None:
    backwards = versions[::-1]
    assert sorted(versions, key=key) == sorted(backwards, key=key)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_numbers_are_compared_as_numbers(one: int, other: int) -> None:
    assert (key(f"1.{one}.0") < key(f"1.{other}.0")) == (one < other)
