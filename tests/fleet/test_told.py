"""The last words of a roll."""

from __future__ import annotations

import pytest

from deliver.errors import MixedFleetError, NodeError, RestartedError
from deliver.fleet.told import Row, Words, down_time, failure, fleet, mend, seen, shown, unseen

RELEASE = Words("release", "production", "0.2.0")
DONE = Row("a", "restarted", "new", "0.1.0", "0.2.0")
FAILED = Row("b", "failed", "down", "0.1.0", "")
WAITS = Row("c", "not touched", "old", "0.1.0", "0.1.0")
BACK = Row("b", "taken back", "old", "0.1.0", "0.1.0")


@pytest.mark.parametrize(
    ("rows", "state"),
    [([DONE, DONE], "all new"), ([BACK, WAITS], "all old"), ([FAILED], "all down"), ([DONE, FAILED, WAITS], "MIXED")],
)
def test_the_state_of_a_fleet(rows: list[Row], state: str) -> None:
    assert fleet(rows) == state


def test_a_bad_version_is_mended_by_going_back_and_trouble_around_it_by_going_on() -> None:
    rows = [DONE, FAILED, WAITS]

    assert mend(rows, RELEASE, is_bad=True) == "invoke rollback --on production --version 0.1.0"
    assert mend(rows, RELEASE, is_bad=False) == "invoke release --version 0.2.0 --to production --resume"
    assert mend([DONE], RELEASE, is_bad=False) == ""
    restart = Words("rolling-restart", "production", hosts=("a", "b"))
    assert mend(rows, restart, is_bad=True) == "invoke rolling-restart --on production --resume --host a --host b"


def test_a_failure_names_every_host_and_the_fleet() -> None:
    error = failure(NodeError("b: it crashed", hint="look"), [DONE, FAILED, WAITS], RELEASE, is_bad=True)

    assert isinstance(error, MixedFleetError)
    assert error.message.splitlines() == [
        "b: it crashed",
        "  b does not run (failed)",
        "  a runs 0.2.0 (restarted)",
        "  c runs 0.1.0 (not touched)",
        "the fleet: MIXED (1 on 0.2.0, 1 down, 1 on 0.1.0)",
    ]
    assert error.hint.splitlines() == [
        "look",
        "to mend it: invoke rollback --on production --version 0.1.0",
        "or, when that is put right: invoke release --version 0.2.0 --to production --resume",
    ]


def test_a_fleet_that_is_of_one_piece_ends_with_the_code_of_its_failure() -> None:
    assert failure(NodeError("b"), [BACK, WAITS], RELEASE, is_bad=True).code == 1
    assert failure(RestartedError("b"), [BACK, WAITS], RELEASE, is_bad=True).code == 4


def test_a_host_that_fell_after_its_turn_is_not_told_as_well() -> None:
    assert seen(DONE, "", "0.2.0", runs=False) == Row("a", "down", "down", "0.1.0", "")
    assert seen(DONE, "0.1.0", "0.2.0", runs=True).state == "failed"
    assert unseen(DONE).state == "unknown"


def test_many_hosts_that_are_alike_share_a_line() -> None:
    rows = [FAILED, *(Row(f"h{number}", "not touched", "old", "0.1.0", "0.1.0") for number in range(50))]

    assert shown(rows)[0] == "b does not run (failed)"
    assert len(shown(rows)) == 2


def test_the_longest_pause_and_the_longest_gap_are_told() -> None:
    rows = [
        Row("a", "upgraded", "new", "1", "2", 3.0, milliseconds=12, pause=1.5),
        Row("b", "upgraded", "new", "1", "2", 3.0, milliseconds=14, pause=0.4),
        Row("c", "restarted", "new", "1", "2", 9.0, gap=4.71),
    ]

    assert down_time(rows) == [
        "upgrades: no process was held for more than 1.5 ms (a)",
        "restarts: no host was out of service for more than 4.7 s (c)",
    ]
    assert down_time([Row("d", "runs it already", "new", "2", "2")]) == []
    assert down_time([Row("e", "upgraded", "new", "1", "2", milliseconds=9)]) == ["upgrades: no process was held"]
