from __future__ import annotations

import base64

import pytest

from deliver.errors import NodeError
from deliver.node.answer import decode


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "printed",
    [
        f'{{ok, "{encoded("hello world")}"}}',
        f'{{ok, ["{encoded("hello world")}"]}}',
        f'{{ok,["{encoded("hello world")[:8]}",\n     "{encoded("hello world")[8:]}"]}}\n',
        f'warning: the VM speaks latin1\n{{ok, ["{encoded("hello world")}"]}}',
    ],
)
def test_an_answer_is_read_however_it_was_printed(printed: str) -> None:
    assert decode(printed) == b"hello world"


def test_an_error_of_the_node_is_told_as_the_node_words_it() -> None:
    with pytest.raises(NodeError, match="could not do it: syntax error before: foo"):
        decode('{error, "syntax error before: foo"}')


@pytest.mark.parametrize("printed", ["", "erl_call: failed to connect", "{ok, [65, 66]}", '{ok, ["a"]}'])
def test_anything_else_is_refused_and_shown(printed: str) -> None:
    with pytest.raises(NodeError, match="answered something else"):
        decode(printed)
