"""What is told of a fleet whose upgrade did not go through."""

import pytest

from deliver.errors import DeliverError, MixedFleetError, NodeError, RestartedError
from deliver.upgrade.told import Row, Words, failure, fleet, mend

UP = Words("deploy-upgrade", "production")
AGAIN = "invoke deploy-upgrade --version 2 --to production"


def row(host: str, state: str, new: str = "1", *, old: str = "1", wanted: str = "2") -> Row:
    return Row(host, old, new, wanted, state)


def test_every_node_is_told_with_what_it_runs() -> None:
    rows = [row("a", "upgraded", "2"), row("b", "down", ""), row("c", "unknown", ""), row("d", "waiting")]
    assert fleet(rows) == (
        "a runs 2 (upgraded); b does not run (down); c is not known (unknown); d runs 1 (not touched)"
    )


def test_the_same_command_goes_on_and_leaves_alone_what_is_done() -> None:
    assert mend([row("a", "upgraded", "2"), row("b", "taken back")], UP) == AGAIN
    words = Words("deploy-upgrade", "production", ("a", "b"), ("--unproven",))
    assert mend([row("a", "unchanged")], words) == f"{AGAIN} --host a --host b --unproven"


def test_a_node_that_is_down_is_brought_up_first() -> None:
    rows = [row("a", "upgraded", "2"), row("b b", "down", "")]
    assert mend(rows, UP) == f"invoke start --on production --host 'b b' && {AGAIN}"


def test_nodes_that_go_to_different_versions_get_a_command_for_each_version() -> None:
    rows = [row("a", "downgraded", "1", wanted="1"), row("b", "unchanged", wanted="1"), row("c", "waiting", "3")]
    assert mend(rows, Words("rollback", "production")) == (
        "invoke rollback --version 1 --on production --host b && invoke rollback --version 2 --on production --host c"
    )


@pytest.mark.parametrize(
    ("states", "kind"),
    [
        (("unchanged",), NodeError),
        (("taken back", "waiting"), NodeError),
        (("restarted",), RestartedError),
        (("runs it already", "restarted", "waiting"), RestartedError),
        (("unfinished",), NodeError),
        (("unfinished", "waiting"), MixedFleetError),
        (("upgraded", "unchanged"), MixedFleetError),
        (("down", "waiting"), MixedFleetError),
    ],
)
def test_the_kind_of_a_failure_says_what_became_of_the_fleet(states: tuple[str, ...], kind: type[DeliverError]) -> None:
    rows = [row(f"host{number}", state) for number, state in enumerate(states)]
    error = failure(NodeError("it failed", hint="look"), rows, UP)
    assert type(error) is kind
    assert error.message == f"it failed\n{fleet(rows)}"
    first, then = error.hint.splitlines()[:2]
    assert first == "look"
    assert then.startswith("when that is put right: ")
    assert then.endswith(AGAIN)


def test_those_that_went_on_have_a_way_back() -> None:
    rows = [row("a", "upgraded", "2"), row("b", "restarted"), row("c", "waiting")]
    error = failure(NodeError("it failed"), rows, UP)
    assert error.hint.splitlines()[-1] == "or back to 1: invoke rollback --version 1 --on production --host a"
