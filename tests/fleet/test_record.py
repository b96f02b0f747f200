"""What the record of a roll keeps of how it ended, and of what failed in it."""

from __future__ import annotations

import signal

import pytest

from deliver.cli.signals import Interrupted
from deliver.errors import DeliverError, LockedError, RemoteError
from deliver.fleet.means import _told
from deliver.fleet.rolling import _ending


@pytest.mark.parametrize(
    ("error", "outcome", "code"),
    [
        (None, "done", 0),
        (LockedError("taken"), "failed", 75),
        (KeyboardInterrupt(), "interrupted", 130),
        (Interrupted(signal.SIGTERM), "interrupted", 143),
        (Interrupted(signal.SIGHUP), "interrupted", 129),
        (ZeroDivisionError("bug"), "failed", 70),
    ],
)
def test_a_roll_has_the_exit_code_of_its_command(error: BaseException | None, outcome: str, code: int) -> None:
    assert _ending(error)[:2] == (outcome, code)


def test_what_a_host_said_is_kept_once() -> None:
    said = "deliver: the disk is full\ntar: short write\n"

    assert _told(RemoteError("a: the disk is full", output=said)) == "a: the disk is full\n  | tar: short write"
    assert _told(DeliverError("a: no")) == "a: no"
    assert _told(ZeroDivisionError("bug")) == "ZeroDivisionError"
