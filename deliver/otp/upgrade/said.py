"""What developers say of an upgrade, against what we would plan ourselves. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from deliver.otp.upgrade.appup import Chosen, uncovered
from deliver.otp.upgrade.changes import Changes
from deliver.otp.upgrade.gate import restart_reasons
from deliver.otp.upgrade.hints import Hints
from deliver.otp.upgrade.pair import Finding
from deliver.otp.upgrade.tree import Path, Supervision, Tree, supervision_changes


@dataclass(frozen=True)
class Said:
    """The developers' hints, and their appups."""

    hints: Hints
    chosen: Chosen

    @cached_property
    def stopped(self) -> frozenset[str]:
        """Applications that are stopped, and started again."""
        appups = self.chosen.by_app.values()
        stops = {name for one in appups for up in (True, False) for name in one.way(is_up=up).stops}
        return frozenset({*self.hints.restart_applications, *stops})

    @cached_property
    def told(self) -> frozenset[str]:
        """Modules that appups load or remove."""
        appups = self.chosen.by_app.values()
        return frozenset(name for one in appups for up in (True, False) for name in one.way(is_up=up).modules)

    def restarts(self, old: Tree, new: Tree) -> tuple[Path, ...]:
        """Return the places of children that are restarted, in the new tree's order; none is below another one."""
        changed = [(*one.path, name) for one in supervision_changes(old, new) for name in one.changed]
        found = self.hints.restarts(old, new, changed)
        return tuple(one for one in found if not any(one != path and one[: len(path)] == path for path in found))

    def left(self, supervision: Iterable[Supervision], restarts: Sequence[Path]) -> list[Supervision]:
        """Return the changes of supervisors that are ours to plan: others start anew, or an appup speaks of them."""
        return [
            one
            for one in supervision
            if one.path[0] not in self.stopped
            and one.module not in self.told
            and not any(one.path[: len(path)] == path for path in restarts)
        ]

    def planned(self, tree: Tree) -> Tree:
        """Return a tree without the applications that are stopped before a process of theirs is looked for."""
        return Tree([one for one in tree.processes if one.path[0] not in self.stopped])

    def restart_reasons(self, changes: Changes) -> list[str]:
        """Return why the node must be restarted, whatever developers say or because they say it."""
        return [*restart_reasons(changes, self.told | set(self.hints.nif_upgrade_ok)), *self.chosen.restart_reasons]

    def findings(self, changes: Changes) -> Iterator[Finding]:
        """Yield what of it was used, and what it leaves to us."""
        yield from self.hints.findings()
        yield from self.chosen.findings
        for app, one in self.chosen.by_app.items():
            before, after = changes.old.apps[app].modules, changes.new.apps[app].modules
            touched = {name for name in {*changes.load, *changes.removed} if name in before or name in after}
            # The rehearsal judges the whole: to refuse what an appup forgot would take more than it gives.
            forgotten = {*uncovered(one, [*touched], is_up=True), *uncovered(one, [*touched], is_up=False)}
            text = f"it changes, and {one.origin} does not mention it: planned by our rules"
            yield from (Finding("warning", name, text) for name in sorted(forgotten - set(self.hints.skip)))
