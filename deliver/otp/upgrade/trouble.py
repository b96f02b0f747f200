"""What an upgrade cannot do to a supervision tree, and what an operator should know of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from deliver.otp.upgrade.changes import Changes
from deliver.otp.upgrade.kinds import kind
from deliver.otp.upgrade.pair import Finding
from deliver.otp.upgrade.snapshot import Process
from deliver.otp.upgrade.tree import Path, Supervision, Tree, spoken

#: Supervisors whose `init` does more than to answer: running it again opens a socket twice, or worse.
EFFECTFUL = frozenset({"ranch_acceptors_sup", "ranch_conns_sup", "ranch_listener_sup", "poolboy_sup"})
#: Modules whose use by a supervisor's callback module says that its `init` may do more than to answer.
EFFECTS = frozenset({"gen_tcp", "gen_udp", "ssl", "socket", "ranch", "ets", "file", "dets"})

_UNSPEAKABLE = re.compile(r"<\d+\.\d+\.\d+>|#(Ref|Fun|Port)<")


def supervision_reasons(
    changes: Changes, supervision: Sequence[Supervision], old: Tree, new: Tree, *, holds: Collection[str]
) -> Iterator[str]:
    """Yield why the change of the trees needs a restart.

    Args:
        changes: what differs.
        supervision: what differs in the trees.
        old: the tree before.
        new: the tree after.
        holds: modules whose processes are held; `release_handler` looks for processes only when there are any.
    """
    if holds:
        yield from _unsearchable([*old.processes, *new.processes])
    for one in supervision:
        yield from _inline(one)
        yield from _effects(changes, one)
        unspeakable = [name for name in (*one.path, *one.added, *one.removed) if _UNSPEAKABLE.search(name)]
        if unspeakable:
            yield f"a child of {spoken(one.path)} that changes has an id that cannot be written: {unspeakable[0]}"


def findings(
    changes: Changes, supervision: Sequence[Supervision], restarts: Collection[Path] = ()
) -> Iterator[Finding]:
    """Yield what an operator should know of a plan."""
    renewed = {*restarts, *(one.path for one in supervision if one.is_spelled_out)}
    for path in restarts:
        yield Finding("note", spoken(path), "it is restarted, as developers say: its state is lost")
    for one in supervision:
        where = spoken(one.path)
        for name in one.changed:
            if (*one.path, name) in renewed:
                continue
            text = "its child spec changes: a running child keeps what it was started with until it is restarted"
            yield Finding("note", f"{where} / {spoken((name,))}", text)
        for name in one.replaced:
            text = "it becomes a process of another module or kind: it ends, and its state with it, and begins anew"
            yield Finding("warning", f"{where} / {spoken((name,))}", text)
        if one.reordered:
            yield Finding("note", where, "its children stand in another order, which counts for restarts")
    for name in sorted(changes.removed):
        yield Finding("note", name, "the module goes: a process that still runs it is left in it, and named")


def _unsearchable(processes: Sequence[Process]) -> Iterator[str]:
    names = [one.path[0] for one in processes if len(one.path) == 1 and one.pid and one.supervisor is None]
    for name in dict.fromkeys(names):
        yield f"the top process of {name} is no supervisor: release_handler's search for processes kills it"
    blind = [one.path for one in processes if one.modules == ("dynamic",) and one.behaviour != "gen_event" and one.pid]
    for path in dict.fromkeys(blind):
        yield f"{spoken(path)} has `dynamic` modules and is no gen_event: release_handler asks it for them in vain"


def _inline(one: Supervision) -> Iterator[str]:
    if one.is_inline and len(one.path) > 1 and not one.is_spelled_out:
        yield f"{spoken(one.path)} has its children inline, and not in its child spec: they cannot be found out"


def _effects(changes: Changes, one: Supervision) -> Iterator[str]:
    module = changes.new_modules.get(one.module)
    effects = sorted(EFFECTS & set(module[1].calls)) if module else []
    if one.module in EFFECTFUL:
        yield f"{one.module} does more in init/1 than to answer, and it would run again"
    elif effects:
        yield f"{one.module} changes its children, and its init/1 may do more than to answer: it uses {effects[0]}"
    if module and "supervisor" not in kind([module[1]]) and not one.is_inline:
        yield f"{spoken(one.path)} changes its children, and {one.module} is no supervisor's callback module"
