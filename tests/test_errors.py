import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from deliver import errors
from deliver.cli.command import UNFORESEEN, _InterruptedError, _UnforeseenError
from deliver.cli.signals import ENDING, Interrupted
from deliver.errors import DeliverError, FleetError, MixedFleetError

REFERENCE = Path(__file__).parents[1] / "docs" / "reference" / "exit-codes.md"


def tree(root: type[DeliverError] = DeliverError) -> Iterator[type[DeliverError]]:
    yield root
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from tree(child)


def documented() -> dict[str, set[int]]:
    """Return the exit codes that the reference has for each kind."""
    rows = re.findall(r"^\| ([\d, ]+) \| ([^|]*) \|", REFERENCE.read_text("utf-8"), flags=re.MULTILINE)
    return {
        kind: {int(code) for code in codes.split(",")}
        for codes, kinds in rows
        for kind in re.findall(r"`(\w+)`", kinds)
    }


@pytest.mark.parametrize("kind", [kind for kind in tree() if kind is not FleetError])
def test_the_reference_has_the_exit_code_of(kind: type[DeliverError]) -> None:
    assert documented()[kind.__name__] == {kind.exit_code}


def test_the_reference_has_the_codes_of_what_ends_a_run_from_outside() -> None:
    signals = {_InterruptedError(Interrupted(number)).code for number in ENDING}

    assert documented()["InterruptedError"] == signals | {_InterruptedError(KeyboardInterrupt()).code}
    assert documented()["UnforeseenError"] == {UNFORESEEN, _UnforeseenError(ValueError()).code}
    assert 128 + signal.SIGTERM in signals


def test_the_reference_has_no_kind_that_is_none() -> None:
    assert documented().keys() <= {kind.__name__ for kind in tree()} | {"InterruptedError", "UnforeseenError"}


def test_the_docstring_of_the_errors_has_the_same_codes() -> None:
    told = re.findall(r"[*+-] (\w+Error) +(\d+)", errors.__doc__ or "")

    assert {name: int(code) for name, code in told} == {
        kind.__name__: kind.exit_code for kind in tree() if kind is not FleetError
    }


def test_several_failures_have_the_code_they_are_given() -> None:
    assert FleetError("two hosts", code=75).code == 75
    assert MixedFleetError("some").code == 3
