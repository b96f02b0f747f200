"""What happens in a roll, as it is told to the journal, the run's record and the operator."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal, Protocol

from deliver.errors import DeliverError

#: What is done to a host, a batch or the whole roll.
Step = Literal[
    "lock",
    "build",
    "ship",
    "check",  # health before anything is changed
    "hook",
    "once",
    "drain",
    "upgrade",  # hot, either way
    "stop",
    "start",
    "cluster",
    "health",
    "undrain",
    "undo",
    "pause",
    "confirm",
    "batch",
]
Kind = Literal["began", "ended", "failed", "note"]
#: What a host is, as far as the roll is concerned: it runs what it should, what it ran before, nothing; or who knows.
Standing = Literal["new", "old", "down", "unknown"]
#: How a host is brought to the version: not at all; without a restart; by a restart; by a start, for it does not run.
#: `finish` is for one that runs it already, and that an earlier roll did not see to its end: it may be out of service.
Way = Literal["none", "finish", "hot", "restart", "start"]


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Args:
        step: what is done.
        kind: how far it is.
        host: where; empty for the whole roll or a batch.
        batch: which batch, from 1; 0 for none.
        seconds: how long it took; for `ended` and `failed`.
        text: what there is to say: a reason, a result.
        at: seconds since 1970.
    """

    step: Step
    kind: Kind
    host: str = ""
    batch: int = 0
    seconds: float = 0.0
    text: str = ""
    at: float = field(default_factory=time.time)


class Story(Protocol):
    """Takes the events of a roll as they happen; safe to call from several threads."""

    def tell(self, event: Event) -> None:
        """Take one."""


@dataclass(frozen=True)
class Result:
    """How the change of one host ended.

    Args:
        host: which.
        standing: what it is now.
        version: what it runs, as far as we know; empty when nobody knows, or nothing.
        error: what went wrong; None when nothing did.
        touched: whether it was changed at all: one that was not must not be restarted for it.
    """

    host: str
    standing: Standing
    version: str = ""
    error: DeliverError | None = None
    touched: bool = True

    @property
    def is_well(self) -> bool:
        """Whether it runs what it should, healthy."""
        return self.error is None and self.standing == "new"
