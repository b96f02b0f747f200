from __future__ import annotations

import pytest

from deliver.cli import node_tables as tables
from deliver.errors import HostKeyError, NodeError, UnreachableError, UsageError
from deliver.node.call import Result
from deliver.node.facts import Facts, Installed, NodeState, Process
from deliver.otp.release import Target
from deliver.remote.fleet import Outcome

PROCESS = Process(7, "demo@prod1", "sname", "0.1.0", 0.0)
NODE = NodeState("demo@prod1", "0.2.0", "0.1.0", 93_784.0, 35_000_000, 64, {}, "25", "13", booted=True)


def facts(process: Process | None = None, node: NodeState | None = None, *installed: Installed) -> Facts:
    target = Target("linux", "x86_64", "glibc")
    return Facts(
        "prod1", "/srv/demo", True, target, "deploy", "/home/deploy", 0, -1, frozenset(),  # noqa: FBT003
        installed, "0.1.0", process=process, node=node,
    )  # fmt: skip


def outcome(found: Facts) -> Outcome[Facts]:
    return Outcome("prod1", value=found)


STARTING = NodeState("demo@prod1", "0.2.0", "", 1.0, 1, 1, {}, "25", "13", booted=False)
SUSPENDED = Process(7, "demo@prod1", "sname", "0.1.0", 0.0, suspended=True)


@pytest.mark.parametrize(
    ("found", "state", "answer"),
    [
        (outcome(facts(PROCESS, NODE)), "up", "pong"),
        (outcome(facts(PROCESS, STARTING)), "starting", "pong"),
        (outcome(facts(PROCESS)), "silent", "silent"),
        (outcome(facts(SUSPENDED)), "suspended", "suspended"),
        (outcome(facts(None, None, Installed("0.1.0"))), "down", "down"),
        (outcome(facts()), "not installed", "not installed"),
        (Outcome[Facts]("prod1", error=UnreachableError("gone")), "unreachable", "unreachable"),
        (Outcome[Facts]("prod1", error=HostKeyError("who?")), "unknown host key", "unknown host key"),
        (Outcome[Facts]("prod1", error=NodeError("why?")), "failed", "failed"),
    ],
)
def test_each_state_has_its_word(found: Outcome[Facts], state: str, answer: str) -> None:
    assert tables.state(found) == state
    assert tables.pong(found) == ("prod1", answer)
    assert tables.status(found)[:2] == ["prod1", state]
    assert tables.status_document(found)["state"] == state
    assert tables.versions_document(found)["state"] == state


def test_versions_stand_in_their_order_with_their_commits() -> None:
    found = facts(PROCESS, NODE, Installed("0.10.0"), Installed("0.2.0", "", "0123456789abcdef"), Installed("0.1.0"))

    assert tables.versions(outcome(found)) == [
        "prod1",
        "0.2.0 (0123456789)",
        "0.1.0",
        "0.1.0, 0.2.0 (0123456789), 0.10.0",
    ]


def test_of_a_silent_node_the_booted_version_is_shown() -> None:
    assert tables.running(facts(PROCESS)) == "0.1.0"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.4, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3600, "1 h 0 min"), (93_784, "1 d 2 h"), (9e7, "1041 d 16 h")],
)
def test_a_time_has_its_two_largest_units(seconds: float, shown: str) -> None:
    assert tables.duration(seconds) == shown


def test_code_has_one_language() -> None:
    assert tables.language(elixir=False, erlang=False) == "auto"
    assert tables.language(elixir=True, erlang=False) == "elixir"
    assert tables.language(elixir=False, erlang=True) == "erlang"
    with pytest.raises(UsageError):
        tables.language(elixir=True, erlang=True)


def test_results_of_several_hosts_stand_below_their_names() -> None:
    found = [Result("a", "1", "said\n", failed=False), Result("b", "error text", "", failed=True)]

    assert tables.results(found, several=True) == "a:\n  said\n  1\nb:\n"
    assert tables.results(found[:1], several=False) == "said\n1\n"
    assert tables.results(found[1:], several=False) == ""


def test_lines_come_whole_whatever_pieces_they_arrive_in() -> None:
    heard: list[bytes] = []
    lines = tables.Lines(b"prod1  ", heard.append)

    for piece in (b"on", b"e\ntw", b"o\n\nthree"):
        lines.add(piece)
    lines.end()

    assert b"".join(heard) == b"prod1  one\nprod1  two\nprod1  \nprod1  three\n"
    assert tables.prefixed(b"", b"x") == b""
