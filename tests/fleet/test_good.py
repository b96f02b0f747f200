"""Which version was good before, as journals tell it."""

from __future__ import annotations

import pytest

from deliver.errors import UsageError
from deliver.fleet.good import GOOD, before, line
from deliver.rollout.journal import Entry


def started(version: str) -> list[Entry]:
    return [Entry("start", version)]


def rolled(version: str, *, good: bool = True, run: str = "") -> list[Entry]:
    """A roll as it stands in a journal: what its scripts write has no run."""
    run = run or f"to {version}"
    last = [Entry(GOOD, version, run=run)] if good else []
    return [
        Entry("release", version, "began", run=run),
        Entry("start", version),
        Entry("release", version, run=run, step="start"),
        Entry("release", version, "ok" if good else "failed", run=run),
        *last,
    ]


def test_what_was_started_outside_of_a_roll_and_rolls_that_ended_are_good() -> None:
    assert line([*started("1"), *rolled("2"), *rolled("3", good=False)]) == ["1", "2"]


def test_going_back_forgets_what_came_after() -> None:
    journal = [*started("1"), *rolled("2"), *rolled("3"), *rolled("2", run="back")]

    assert line(journal) == ["1", "2"]
    assert before({"a": journal}, {"a": "2"}) == "1"


def test_a_fleet_of_one_version_goes_to_the_one_before() -> None:
    journal = [*started("1"), *rolled("2")]

    assert before({"a": journal, "b": journal}, {"a": "2", "b": "2"}) == "1"


def test_a_fleet_that_was_rolled_in_part_goes_to_the_last_good_one() -> None:
    whole = [*started("1"), *rolled("2")]

    assert before({"a": [*whole, *rolled("3", good=False)], "b": whole}, {"a": "3", "b": "2"}) == "2"


def test_a_fleet_that_was_taken_back_already_stays() -> None:
    whole = [*started("1"), *rolled("2")]

    assert before({"a": [*whole, *rolled("3", good=False)], "b": whole}, {"a": "2", "b": "2"}) == "2"


def test_what_a_roll_took_back_itself_is_no_roll_to_what_it_went_back_to() -> None:
    undone = [Entry("undo", "2", "began", run="to 3"), *started("2"), Entry("undo", "2", run="to 3")]
    journal = [*started("1"), *rolled("2"), *rolled("3", good=False), *undone]

    assert line(journal) == ["1", "2"]
    assert before({"a": journal}, {"a": "2"}) == "2"


def test_nothing_is_said_where_journals_do_not_tell() -> None:
    assert before({"a": [], "b": []}, {"a": "2", "b": "2"}) == ""
    assert before({"a": started("2")}, {"a": "2"}) == ""


def test_hosts_that_would_go_to_different_versions_are_refused() -> None:
    with pytest.raises(UsageError, match="1 for a; 2 for b") as raised:
        before({"a": [*started("1"), *started("3")], "b": [*started("2"), *started("3")]}, {"a": "3", "b": "3"})

    assert raised.value.hint == "say which with --version: 1, 2"
