"""What became of each host of a roll, and who is out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from deliver.rollout.events import Standing

#: What became of a host. `done` is also one that there was nothing to do for.
State = Literal["waiting", "working", "done", "failed", "undoing", "undone", "undo failed"]


def serves(standing: Standing) -> bool:
    """Whether a host serves, as far as we know."""
    return standing in {"new", "old"}


class Ledger:
    """The hosts of one roll. A host is out when it does not serve, as far as we know.

    Args:
        zones: each host's zone; empty for none.
        before: what each host is before the roll.
    """

    def __init__(self, zones: Mapping[str, str], before: Mapping[str, Standing]) -> None:
        self.states: dict[str, State] = {}
        self.standings: dict[str, Standing] = {}
        self.before = before
        self._zones = zones
        # Dicts in place of sets: which host is named must not depend on hashes.
        self._out: dict[str, dict[str, None]] = {zone: {} for zone in zones.values()}
        self._lost: set[str] = set()
        for host, standing in before.items():
            self.note(host, "waiting", standing)

    def note(self, host: str, state: State, standing: Standing) -> None:
        """Take what became of a host."""
        self.states[host] = state
        self.standings[host] = standing
        zone = self._out[self._zones[host]]
        if serves(standing):
            zone.pop(host, None)
            self._lost.discard(host)
        else:
            zone[host] = None
            if serves(self.before[host]):
                self._lost.add(host)

    def mate_out(self, host: str) -> str:
        """Return another host of the same zone that is out; empty when there is none."""
        zone = self._zones[host]
        return next((mate for mate in self._out[zone] if mate != host), "") if zone else ""

    @property
    def lost(self) -> int:
        """How many hosts that served before the roll are out."""
        return len(self._lost)
