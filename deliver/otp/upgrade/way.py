"""One way of an upgrade, up or down, as the instructions that `release_handler` runs. Pure.

The instructions are the low-level ones of OTP's relup(5), each with the reason for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from deliver.otp.releases_file import atom as _atom
from deliver.otp.releases_file import string
from deliver.otp.upgrade.changes import Changes
from deliver.otp.upgrade.facts import App
from deliver.otp.upgrade.hints import Hints
from deliver.otp.upgrade.kinds import Kind, changes_state, kind
from deliver.otp.upgrade.order import callees_first
from deliver.otp.upgrade.tree import Path, Supervision

#: Milliseconds within which a process of a changed module must answer that it is held.
SUSPEND = 5000


@dataclass(frozen=True)
class Step:
    """One instruction of a relup.

    Args:
        text: the Erlang term.
        why: the reason for it; empty when it goes with the one before.
    """

    text: str
    why: str = ""


@dataclass(frozen=True)
class Way:
    """How the old release of `changes` becomes the new one.

    Args:
        changes: what differs, in this direction.
        supervision: what differs in the supervision trees, in this direction.
        callbacks: modules that processes of either release run as their callback modules.
        hints: what the developers know better.
        is_up: whether the new release is also the younger one.
    """

    changes: Changes
    supervision: Sequence[Supervision]
    callbacks: frozenset[str]
    hints: Hints
    is_up: bool

    def steps(self) -> Iterator[Step]:
        """Yield the instructions, in their order."""
        yield from self._objects()
        yield Step(_helper(self._youngest), "what OTP has no instruction for is in this module, beside the relup")
        yield Step("point_of_no_return")
        yield Step(_call("configure", self._version), "before anything runs: what config providers of the release say")
        early = [app for app in self.changes.added_apps if self._stands_alone(app)]
        for app in early:
            yield from self._add(app)
        yield from self._stop_children()
        yield from self._code([app.name for app in early])
        for app in self.changes.added_apps:
            if app not in early:
                yield from self._start(app)
        yield from self._start_children()
        yield from self._remove()
        yield Step(_call("environment", self._version), "so that a restart inside the node boots this version")

    @property
    def _version(self) -> str:
        return self.changes.new.version

    @property
    def _youngest(self) -> str:
        return self.changes.new.version if self.is_up else self.changes.old.version

    # Modules ----------------------------------------------------------------------------------------------------------

    def _objects(self) -> Iterator[Step]:
        for app in self.changes.new.apps.values():
            names = sorted(name for name, owner in self.changes.load.items() if owner == app.name)
            if names:
                what = f"{{load_object_code,{{{_atom(app.name)},{string(app.version)},{_list(names)}}}}}"
                yield Step(
                    what, f"{app.name} {app.version}: read before anything is touched, so that it cannot fail later"
                )

    def _code(self, done: Sequence[str]) -> Iterator[Step]:
        loads = [name for name in self._ordered if self.changes.load[name] not in done]
        held = [name for name in loads if name in self._servers]
        if held:
            suspended = ",".join(f"{{{_atom(name)},{self.hints.timeout.get(name, SUSPEND)}}}" for name in held)
            yield Step(f"{{suspend,[{suspended}]}}", "their processes are held while their code and state change")
        # Going down, the younger code knows how the state was: it is asked before it is gone.
        if not self.is_up:
            yield from self._states(held)
        yield from (self._load(name) for name in loads)
        if self.changes.protocols_differ:
            yield Step(_call("protocols", self._version), "protocols as they are consolidated in this release")
        yield from self._supervisors()
        if self.is_up:
            yield from self._states(held)
        if held:
            yield Step(f"{{resume,{_list(list(reversed(held)))}}}", "in the reverse order")

    def _load(self, name: str) -> Step:
        purge = f"{self._purge(name)}_purge"
        return Step(f"{{load,{{{_atom(name)},{purge},{purge}}}}}", self._reason(name))

    def _reason(self, name: str) -> str:
        if name in self.changes.added:
            return f"new, {self._kind(name)}"
        before, after = self.changes.old_modules[name], self.changes.new_modules[name]
        moved = f", moved from {before[0]} to {after[0]}" if before[0] != after[0] else ""
        return f"changed, {self._kind(name)}{moved}"

    def _purge(self, name: str) -> str:
        return self.hints.purge.get(name, "soft")

    @cached_property
    def _ordered(self) -> list[str]:
        loads = self.changes.load
        uses = {name: self._uses(name) for name in loads}
        return [name for group in callees_first(uses) for name in group]

    def _uses(self, name: str) -> tuple[str, ...]:
        module = self.changes.new_modules[name][1]
        return (*module.calls, *module.behaviours, *((module.implements,) if module.implements else ()))

    def _kind(self, name: str) -> Kind:
        sides = (self.changes.old_modules, self.changes.new_modules)
        return kind([side[name][1] for side in sides if name in side], self.callbacks)

    @cached_property
    def _servers(self) -> frozenset[str]:
        return frozenset(name for name in self.changes.changed if self._kind(name) == "server")

    @cached_property
    def _dynamic(self) -> list[str]:
        # Flags such as `max_children` are seen nowhere else: they are read anew whenever the module changes.
        return [name for name in self._ordered if name in self.changes.changed and self._is_dynamic(name)]

    def _is_dynamic(self, name: str) -> bool:
        return self._kind(name) == "dynamic supervisor"

    def _states(self, held: Sequence[str]) -> Iterator[Step]:
        asked = [name for name in held if self._can_change_state(name)]
        if asked:
            direction = "up" if self.is_up else "down"
            pairs = ",".join(f"{{{_atom(name)},{self.hints.extra.get(name, '[]')}}}" for name in asked)
            yield Step(f"{{code_change,{direction},[{pairs}]}}", "their states become those of this version")

    def _can_change_state(self, name: str) -> bool:
        younger = self.changes.new_modules if self.is_up else self.changes.old_modules
        return changes_state(younger[name][1])

    # Supervision ------------------------------------------------------------------------------------------------------

    def _stop_children(self) -> Iterator[Step]:
        for one in reversed(self.supervision):
            for name in one.removed:
                yield Step(
                    _child("stop_child", (*one.path, name)), "not a child any more: it ends before its code goes"
                )

    def _supervisors(self) -> Iterator[Step]:
        named = dict.fromkeys([*self._dynamic, *(one.module for one in self.supervision if not one.is_inline)])
        if named:
            modules = _list(list(named))
            yield Step(
                f"{{suspend,{modules}}}", "supervisors read their child specs again: added ones do not start by it"
            )
            pairs = ",".join(f"{{{_atom(name)},[]}}" for name in named)
            yield Step(f"{{code_change,{'up' if self.is_up else 'down'},[{pairs}]}}")
            yield Step(f"{{resume,{modules}}}")
        for one in self.supervision:
            if one.is_inline and len(one.path) > 1:
                why = "its child specs stand in its own, which its supervisor has read anew"
                yield Step(_child("inline_child", one.path), why)
            elif one.is_inline:
                app = one.path[0]
                why = "its child specs are given inline in start/2: it is told the new ones"
                yield Step(f"{{apply,{{deliver_relup,supervisor,[{_atom(app)},{string(self._version)}]}}}}", why)

    def _start_children(self) -> Iterator[Step]:
        for one in self.supervision:
            for name in one.added:
                yield Step(_child("start_child", (*one.path, name)), "a new child")

    # Applications -----------------------------------------------------------------------------------------------------

    def _stands_alone(self, app: App) -> bool:
        """Whether no application that it stands on changes, so that it can start before the rest is touched."""
        changing = {new.name for _, new in self.changes.bumped_apps}
        new = {one.name: one for one in self.changes.added_apps}
        if changing & set(app.dependencies):
            return False
        return all(self._stands_alone(new[name]) for name in app.dependencies if name in new)

    def _add(self, app: App) -> Iterator[Step]:
        yield from (self._load(name) for name in self._ordered if self.changes.load[name] == app.name)
        yield from self._start(app)

    def _start(self, app: App) -> Iterator[Step]:
        name = _atom(app.name)
        if app.type in {"permanent", "transient", "temporary"}:
            yield Step(f"{{apply,{{application,start,[{name},{app.type}]}}}}", f"{app.name} is new in this release")
        elif app.type == "load":
            yield Step(
                f"{{apply,{{application,load,[{name}]}}}}", f"{app.name} is new in this release, and only loaded"
            )

    def _remove(self) -> Iterator[Step]:
        for app in self.changes.removed_apps:
            yield Step(f"{{apply,{{application,stop,[{_atom(app.name)}]}}}}", f"{app.name} is not in this release")
        gone = sorted(self.changes.removed)
        for name in gone:
            purge = f"{self._purge(name)}_purge"
            yield Step(f"{{remove,{{{_atom(name)},{purge},{purge}}}}}", "gone: last, when nothing calls it any more")
        if gone:
            yield Step(f"{{purge,{_list(gone)}}}")
        for app in self.changes.removed_apps:
            yield Step(f"{{apply,{{application,unload,[{_atom(app.name)}]}}}}")
            yield Step(f"{{apply,{{code,del_path,[{_atom(app.name)}]}}}}", "OTP leaves it in the code path")


def _helper(version: str) -> str:
    """Return the instruction that loads the helper module from beside the relup; OTP runs it before the rest."""
    return f"{{apply,{{erl_eval,exprs,[{_forms(version)},[]]}}}}"


def _forms(version: str) -> str:
    """Return, parsed: `code:purge(deliver_relup), code:load_abs(PLACE)`, the place being beside the relup."""
    join = (
        "{call,1,{remote,1,{atom,1,filename},{atom,1,join}},"
        "[{cons,1,{call,1,{remote,1,{atom,1,code},{atom,1,root_dir}},[]},"
        f'{{cons,1,{{string,1,"releases"}},{{cons,1,{{string,1,{string(version)}}},'
        '{cons,1,{string,1,"deliver_relup"},{nil,1}}}}}]}'
    )
    purge = "{call,1,{remote,1,{atom,1,code},{atom,1,purge}},[{atom,1,deliver_relup}]}"
    return f"[{purge},{{call,1,{{remote,1,{{atom,1,code}},{{atom,1,load_abs}}}},[{join}]}}]"


def _list(names: Iterable[str]) -> str:
    return f"[{','.join(_atom(name) for name in names)}]"


def _call(function: str, version: str) -> str:
    return f"{{apply,{{deliver_relup,{function},[{string(version)}]}}}}"


def _child(function: str, path: Path) -> str:
    # Ids are terms already, as Erlang prints them; the application's name is not.
    return f"{{apply,{{deliver_relup,{function},[[{','.join((_atom(path[0]), *path[1:]))}]]}}}}"
