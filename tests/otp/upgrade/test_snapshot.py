from __future__ import annotations

import json
from typing import Any

import pytest

from deliver.errors import NodeError
from deliver.otp.upgrade.snapshot import Process, Snapshot, Supervisor, parse


def document(**more: Any) -> str:
    return json.dumps({"os_pid": "7", "release": "0.1.0", "tree": [], **more})


def test_the_least_that_a_node_tells_is_read() -> None:
    assert parse(document()) == Snapshot("7", "0.1.0")


def test_lists_become_tuples_and_objects_stay() -> None:
    found = parse(document(names=["a"], ports=[80], errors=[], environment={"demo": {"key": "hash"}}))

    assert (found.names, found.ports, found.errors) == (("a",), (80,), ())
    assert found.environment == {"demo": {"key": "hash"}}


def test_a_process_is_read_with_its_supervisor() -> None:
    supervisor = {"module": "demo_sup", "strategy": "one_for_one", "intensity": 1, "period": 5}
    told = {"path": ["demo"], "pid": "<0.1.0>", "behaviour": "supervisor", "supervisor": supervisor}

    assert parse(document(tree=[told])).tree == (
        Process(
            ("demo",),
            "<0.1.0>",
            behaviour="supervisor",
            supervisor=Supervisor("demo_sup", "one_for_one", 1, 5),
        ),
    )


@pytest.mark.parametrize("state", ["integer", {"map": {"a": "list"}}, {"tuple": [{"atom": "state"}, "pid"]}, None])
def test_the_shape_of_a_state_stays_as_it_is(state: Any) -> None:
    assert parse(document(tree=[{"path": ["demo", "child"], "state": state}])).tree[0].state == state


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"os_pid": "7", "release": "0.1.0"}',
        document(more="than is known"),
        document(tree=[{}]),
        document(tree=[{"path": ["demo"], "supervisor": {"unknown": 1}}]),
    ],
)
def test_something_else_is_said_not_to_be_readable(text: str) -> None:
    with pytest.raises(NodeError, match="what the node says of itself cannot be read"):
        parse(text)
