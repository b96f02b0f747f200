"""Bringing hosts back to what they ran, within what may be out at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from deliver.rollout.events import Result
from deliver.rollout.ledger import Ledger


class Undoing:
    """The hosts that are brought back, group after group.

    Args:
        ledger: what became of each host; kept up by this.
        groups: who is brought back; a group ends before the next one begins.
        width: the most at once.
        allowed: how many of those that served before the roll may be out, before one that serves is touched.
    """

    def __init__(self, ledger: Ledger, groups: Iterable[list[str]], width: int, allowed: int) -> None:
        self._ledger = ledger
        self._groups = deque(groups)
        self._width = width
        self._allowed = allowed
        self._busy: set[str] = set()
        self._failed = False

    @property
    def is_busy(self) -> bool:
        """Whether one is under way."""
        return bool(self._busy)

    def begin(self) -> list[str]:
        """Return the hosts whose undoing begins now."""
        begun = []
        while len(self._busy) < self._width:
            host = self._choose()
            if not host:
                break
            self._ledger.note(host, "undoing", "unknown")
            self._busy.add(host)
            begun.append(host)
        return begun

    def ended(self, result: Result) -> None:
        """Take how one ended."""
        as_before = result.standing in {"old", self._ledger.before[result.host]}
        well = result.error is None and as_before
        self._busy.remove(result.host)
        self._failed = self._failed or not well
        self._ledger.note(result.host, "undone" if well else "undo failed", result.standing)

    def drop(self) -> bool:
        """Begin nothing more; return whether there was anything left."""
        left = any(self._groups)
        self._groups.clear()
        return left

    def _choose(self) -> str:
        while self._groups:
            group = self._groups[0]
            host = next((host for host in group if self._may_begin(host)), "")
            if host:
                group.remove(host)
            if host or self._busy:
                # A group ends before the next one begins, and what is under way may make room.
                return host
            self._groups.popleft()
        return ""

    def _may_begin(self, host: str) -> bool:
        standing = self._ledger.standings[host]
        if standing == "down":
            return True
        if self._ledger.mate_out(host):
            return False
        return standing == "unknown" or (not self._failed and self._ledger.lost < self._allowed)
