"""How two supervision trees differ: children by their ids, and what supervisors are about. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from deliver.otp.upgrade.snapshot import Process

#: The callback module of children that are given inline, as `Application.start/2` of a default Elixir project does.
INLINE = "Elixir.Supervisor.Default"

#: Functions whose arguments, in a child spec, are all that such a supervisor is about.
SPELLED_OUT = frozenset({"Elixir.Supervisor:start_link/2", "Elixir.DynamicSupervisor:start_link/1"})

Path = tuple[str, ...]


def spoken(path: Path) -> str:
    """Return a place in a supervision tree as people read it."""
    return " / ".join(name.replace("'Elixir.", "").replace("'", "") for name in path)


@dataclass(frozen=True)
class Supervision:
    """What changes in one supervisor.

    Args:
        path: where it is.
        module: its callback module.
        name: under which it is registered; empty for none.
        added: ids of children that are new, in their order.
        removed: ids of children that are gone, the last first.
        changed: ids of children whose start, restart, shutdown, type or modules differ.
        reordered: whether the children that stay stand in another order.
        flags: whether strategy, intensity or period differ.
        replaced: those of the added and of the removed ones whose process becomes one of another module or kind.
        renewed: whether its child specs hold functions of modules that change, which must not stay.
        start: function that starts it: `module:function/arity`; empty for a top supervisor.
    """

    path: Path
    module: str
    name: str = ""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    reordered: bool = False
    flags: bool = False
    replaced: tuple[str, ...] = ()
    renewed: bool = False
    start: str = ""

    @property
    def is_any(self) -> bool:
        """Whether anything changes."""
        return bool(self.added or self.removed or self.changed or self.reordered or self.flags or self.renewed)

    @property
    def is_inline(self) -> bool:
        """Whether its children are given inline."""
        return self.module == INLINE

    @property
    def is_spelled_out(self) -> bool:
        """Whether its children, if given inline, stand in its own child spec."""
        return self.start in SPELLED_OUT


@dataclass(frozen=True)
class Tree:
    """The processes of a node that supervisors know."""

    processes: Sequence[Process]

    @cached_property
    def supervisors(self) -> dict[Path, Process]:
        """Those that are supervisors with static children, by path; parents first."""
        return {one.path: one for one in self.processes if one.supervisor is not None and not one.dynamic}

    @cached_property
    def paths(self) -> tuple[Path, ...]:
        """The places of all processes, in their order."""
        return tuple(one.path for one in self.processes)

    @cached_property
    def callbacks(self) -> frozenset[str]:
        """Callback modules that any process runs, and event handlers."""
        found = {one.callback for one in self.processes if one.behaviour != "other"}
        return frozenset({*found, *(name for one in self.processes for name in one.handlers)} - {""})

    def children(self, path: Path) -> dict[str, Process]:
        """Return the static children of a supervisor, by id, in their order."""
        at = len(path)
        return {
            one.path[at]: one
            for one in self.processes
            if len(one.path) == at + 1 and one.path[:at] == path and not one.dynamic
        }


def supervision_changes(old: Tree, new: Tree, modules: frozenset[str] = frozenset()) -> list[Supervision]:
    """Return what changes in the supervisors that both trees have; parents first.

    Args:
        old: the one tree.
        new: the other one.
        modules: those that change.
    """
    return [one for one in _compared(old, new, modules) if one.is_any]


def _compared(old: Tree, new: Tree, modules: frozenset[str]) -> Iterator[Supervision]:
    for path, after in new.supervisors.items():
        before = old.supervisors.get(path)
        if before is not None:
            found = _compare(before, after, old.children(path), new.children(path))
            renewed = _is_static(after) and bool(modules & {*before.funs, *after.funs})
            yield replace(found, renewed=renewed)


def _compare(before: Process, after: Process, old: dict[str, Process], new: dict[str, Process]) -> Supervision:
    assert before.supervisor is not None  # noqa: S101  # both come from `Tree.supervisors`
    assert after.supervisor is not None  # noqa: S101
    static = _is_static(after)
    replaced = tuple(name for name in new if name in old and _is_another(old[name], new[name])) if static else ()
    kept = [name for name in new if name in old and name not in replaced]
    return Supervision(
        path=after.path,
        module=after.supervisor.module,
        name=after.name,
        added=tuple(name for name in new if name not in kept) if static else (),
        removed=tuple(reversed([name for name in old if name not in kept])) if static else (),
        changed=tuple(name for name in kept if _spec(old[name]) != _spec(new[name])),
        reordered=kept != [name for name in old if name in kept],
        flags=_flags(before) != _flags(after),
        replaced=replaced,
        start=after.start,
    )


def _is_another(old: Process, new: Process) -> bool:
    """Return whether a process cannot go on as the other one: it began in another module, or as another kind."""
    # An agent keeps its state, wherever the fun is that it began with.
    if not (old.pid and new.pid) or old.start.startswith("Elixir.Agent:"):
        return False
    kinds = {old.behaviour, new.behaviour} - {"other"}
    return old.callback != new.callback or len(kinds) > 1


def _is_static(process: Process) -> bool:
    assert process.supervisor is not None  # noqa: S101
    return process.supervisor.strategy != "simple_one_for_one" and process.behaviour == "supervisor"


def _flags(process: Process) -> tuple[str, int, int]:
    one = process.supervisor
    assert one is not None  # noqa: S101
    return one.strategy, one.intensity, one.period


def _spec(process: Process) -> tuple[object, ...]:
    one = process
    return one.start, one.arguments, one.restart, one.shutdown, one.type, one.modules


def ended_children(old: Sequence[Process], new: Sequence[Process]) -> tuple[Path, ...]:
    """Return the places whose processes an upgrade from the one tree to the other ends."""
    changes = supervision_changes(Tree(old), Tree(new))
    return tuple((*one.path, name) for one in changes for name in one.removed)
