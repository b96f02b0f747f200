"""The plan of a hot upgrade: what is done on the node, in which order, and why. Pure.

    both releases, both fresh trees, hints -> Plan: the way up, the way back, decisions; or the reasons for a restart

In one way, the order is: objects in memory -> point of no return -> configuration -> new applications -> gone children
stop -> processes of changed modules are held -> modules -> protocols -> states change -> processes go on -> new
children start -> gone applications stop -> gone modules go -> variables of the operating system.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deliver.otp.upgrade import data
from deliver.otp.upgrade.changes import Changes, refuse_same_versions
from deliver.otp.upgrade.facts import Facts
from deliver.otp.upgrade.gate import one_way_reasons, restart_reasons
from deliver.otp.upgrade.hints import Hints
from deliver.otp.upgrade.pair import Finding
from deliver.otp.upgrade.snapshot import Snapshot
from deliver.otp.upgrade.tree import Tree, supervision_changes
from deliver.otp.upgrade.trouble import findings, supervision_reasons
from deliver.otp.upgrade.way import Step, Way


@dataclass(frozen=True)
class Plan:
    """How one release becomes the other on a running node, and how it goes back.

    Args:
        old: the release that runs.
        new: the one that is to run.
        up: from the old to the new one.
        down: back.
        restart: why the node must be restarted instead; empty when it need not.
        one_way: why there is no way back; empty when there may be one.
        findings: what an operator should know.
        modules: that are loaded or removed, sorted.
        inline: applications whose top supervisor, given inline, gets new children; with its registered
            name, empty for none.
    """

    old: Facts
    new: Facts
    up: tuple[Step, ...] = ()
    down: tuple[Step, ...] = ()
    restart: tuple[str, ...] = ()
    one_way: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    modules: tuple[str, ...] = ()
    inline: Mapping[str, str] = field(default_factory=dict)


def make_plan(old: Facts, new: Facts, old_tree: Snapshot, new_tree: Snapshot, hints: Hints | None = None) -> Plan:
    """Plan the upgrade from one release to another, and the way back.

    Args:
        old: the release that runs.
        new: the one that is to run.
        old_tree: a node freshly booted from the old one.
        new_tree: a node freshly booted from the new one.
        hints: what the developers know better.

    Raises:
        BuildError: applications have other content under the same version.
    """
    changes = Changes(old, new)
    refuse_same_versions(changes)
    before, after = Tree(old_tree.tree), Tree(new_tree.tree)
    supervision = supervision_changes(before, after, changes.changed)
    reasons = [*restart_reasons(changes), *supervision_reasons(changes, supervision, before, after)]
    if reasons:
        return Plan(old, new, restart=tuple(reasons), modules=_modules(changes))
    known = hints or Hints()
    up = Way(changes, supervision, before.callbacks | after.callbacks, known, is_up=True)
    back = supervision_changes(after, before, changes.changed)
    down = Way(changes.reverse, back, before.callbacks | after.callbacks, known, is_up=False)
    return Plan(
        old,
        new,
        up=tuple(up.steps()),
        down=tuple(down.steps()),
        one_way=tuple(one_way_reasons(changes)),
        findings=(*findings(changes, supervision), *data.struct_findings(changes, after.callbacks)),
        modules=_modules(changes),
        inline={one.path[0]: one.name for one in supervision if one.is_inline and len(one.path) == 1},
    )


def early_plan(old: Facts, new: Facts) -> Plan | None:
    """Return the plan when the releases' files alone show that it is a restart, without booting them; else None.

    Raises:
        BuildError: applications have other content under the same version.
    """
    changes = Changes(old, new)
    refuse_same_versions(changes)
    reasons = tuple(restart_reasons(changes))
    return Plan(old, new, restart=reasons, modules=_modules(changes)) if reasons else None


def _modules(changes: Changes) -> tuple[str, ...]:
    return tuple(sorted({*changes.load, *changes.removed}))
