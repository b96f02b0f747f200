"""The plan of a hot upgrade: what is done on the node, in which order, and why. Pure.

    both releases, both fresh trees, hints -> Plan: the way up, the way back, decisions; or the reasons for a restart

In one way, the order is: objects in memory -> point of no return -> configuration -> new applications -> gone children
stop -> processes of changed modules are held -> modules -> protocols -> states change -> processes go on -> new
children start -> gone applications stop -> gone modules go -> variables of the operating system.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deliver.otp.upgrade import appup_text, data
from deliver.otp.upgrade.appup import Chosen
from deliver.otp.upgrade.changes import Changes, refuse_same_versions
from deliver.otp.upgrade.facts import Facts
from deliver.otp.upgrade.gate import one_way_reasons
from deliver.otp.upgrade.hints import Hints
from deliver.otp.upgrade.pair import Finding
from deliver.otp.upgrade.records import record_reasons
from deliver.otp.upgrade.said import Said
from deliver.otp.upgrade.snapshot import Snapshot
from deliver.otp.upgrade.tree import Path, Tree, supervision_changes
from deliver.otp.upgrade.trouble import findings, supervision_reasons
from deliver.otp.upgrade.way import Common, Step, Way


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
        inline: applications whose top supervisor, given inline, gets new children; with its registered name, empty for
            none.
        ended: places in the tree whose processes end, and start again, because developers say so.
        skipped: modules that are not loaded because developers say so.
        appups: the appup of each application whose version differs, by its name: for people, and other tools.
        held: milliseconds to wait for the processes of each module that are held, by module.
        asked: modules whose processes are asked to change their states.
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
    ended: tuple[Path, ...] = ()
    skipped: tuple[str, ...] = ()
    appups: Mapping[str, str] = field(default_factory=dict)
    held: Mapping[str, int] = field(default_factory=dict)
    asked: tuple[str, ...] = ()


def make_plan(
    old: Facts,
    new: Facts,
    old_tree: Snapshot,
    new_tree: Snapshot,
    hints: Hints | None = None,
    chosen: Chosen | None = None,
) -> Plan:
    """Plan the upgrade from one release to another, and the way back.

    Args:
        old: the release that runs.
        new: the one that is to run.
        old_tree: a node freshly booted from the old one.
        new_tree: a node freshly booted from the new one.
        hints: what the developers know better.
        chosen: their own appups.

    Raises:
        BuildError: applications have other content under the same version.
        ConfigError: the hints name a child that is not there.
    """
    changes = Changes(old, new)
    refuse_same_versions(changes)
    said = Said(hints or Hints(), chosen or Chosen())
    before, after = Tree(old_tree.tree), Tree(new_tree.tree)
    restarts = said.restarts(before, after)
    supervision = said.left(supervision_changes(before, after, changes.changed), restarts)
    common = Common(before.callbacks | after.callbacks, said.hints, said.chosen.by_app, frozenset(restarts))
    up = Way(changes, supervision, common, after.paths, is_up=True)
    trees = (said.planned(before), said.planned(after))
    reasons = [
        *said.restart_reasons(changes),
        *supervision_reasons(changes, supervision, *trees, holds={*up.holds, *up.servers, *said.told}),
        *record_reasons(changes, [one for tree in trees for one in tree.processes], said.told),
    ]
    if reasons:
        return Plan(old, new, restart=tuple(reasons), modules=_modules(changes))
    back = said.left(supervision_changes(after, before, changes.changed), restarts)
    return _planned(said, up, Way(changes.reverse, back, common, before.paths, is_up=False))


def _planned(said: Said, up: Way, down: Way) -> Plan:
    changes, restarts = up.changes, [path for path in up.places if path in up.common.restarts]
    return Plan(
        changes.old,
        changes.new,
        up=tuple(up.steps()),
        down=tuple(down.steps()),
        findings=(
            *said.findings(changes),
            *findings(changes, up.supervision, restarts),
            *data.struct_findings(changes, up.common.callbacks),
        ),
        modules=_modules(changes),
        inline={one.path[0]: one.name for one in up.supervision if one.is_inline and len(one.path) == 1},
        ended=(*restarts, *((name,) for name in sorted(said.stopped))),
        skipped=tuple(said.hints.skip),
        appups=appup_text.render(up, down),
        one_way=tuple(one_way_reasons(changes)),
        held=up.holds,
        asked=tuple(sorted({*up.asked, *down.asked})),
    )


def early_plan(old: Facts, new: Facts, hints: Hints | None = None, chosen: Chosen | None = None) -> Plan | None:
    """Return the plan when the releases' files alone show that it is a restart, without booting them; else None.

    Raises:
        BuildError: applications have other content under the same version.
    """
    changes = Changes(old, new)
    refuse_same_versions(changes)
    reasons = tuple(Said(hints or Hints(), chosen or Chosen()).restart_reasons(changes))
    return Plan(old, new, restart=reasons, modules=_modules(changes)) if reasons else None


def _modules(changes: Changes) -> tuple[str, ...]:
    return tuple(sorted({*changes.load, *changes.removed}))
