"""One way of an upgrade, up or down, as the instructions that `release_handler` runs. Pure.

The instructions are the low-level ones of OTP's relup(5), each with the reason for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from deliver.otp.releases_file import atom as _atom
from deliver.otp.releases_file import string
from deliver.otp.upgrade.appup import Appup, Script
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
class Common:
    """What both ways of an upgrade are planned by.

    Args:
        callbacks: modules that processes of either release run as their callback modules.
        hints: what the developers know better.
        appups: the developers' own, by application: their instructions stand for what they mention.
        restarts: places of children that are restarted.
    """

    callbacks: frozenset[str]
    hints: Hints
    appups: Mapping[str, Appup]
    restarts: frozenset[Path]


@dataclass(frozen=True)
class Way:
    """How the old release of `changes` becomes the new one.

    Args:
        changes: what differs, in this direction.
        supervision: what differs in the supervision trees, in this direction.
        common: what holds for both directions.
        places: all places of the new tree, in its order.
        is_up: whether the new release is also the younger one.
    """

    changes: Changes
    supervision: Sequence[Supervision]
    common: Common
    places: Sequence[Path]
    is_up: bool

    @property
    def holds(self) -> dict[str, int]:
        """Milliseconds to wait for the processes of each module that are held, unless that is for ever."""
        supervisors = dict.fromkeys(self._asked_supervisors, SUSPEND)
        waits = {name: self.hints.timeout.get(name, SUSPEND) for name in sorted(self.servers)}
        return {**supervisors, **{name: time for name, time in waits.items() if time != "infinity"}}

    @property
    def asked(self) -> frozenset[str]:
        """Modules whose processes are asked to change their states."""
        return frozenset(name for name in self.servers if self.can_change_state(name))

    def steps(self) -> Iterator[Step]:
        """Yield the instructions, in their order."""
        yield from self._objects()
        yield from self._groups(lambda script: script.early, self.appups)
        yield Step(_helper(self._youngest), "what OTP has no instruction for is in this module, beside the relup")
        yield Step("point_of_no_return")
        yield from self._calls("before")
        yield Step(_call("configure", self._version), "before anything runs: what config providers of the release say")
        early = [app for app in self.changes.added_apps if self._stands_alone(app)]
        for app in early:
            yield from self._add(app)
        yield from self._stop_applications()
        yield from self._stop_children()
        yield from self._groups(lambda script: script.late, self._first_groups)
        yield from self._code([app.name for app in early])
        yield from self._groups(lambda script: script.late, self.appups.keys() - self._first_groups)
        for app in self.changes.added_apps:
            if app not in early:
                yield from self._start(app)
        yield from self._start_applications()
        yield from self._start_children()
        yield from self._remove()
        yield Step(_call("environment", self._version), "so that a restart inside the node boots this version")
        yield from self._calls("after")

    @property
    def hints(self) -> Hints:
        """What the developers know better."""
        return self.common.hints

    @property
    def appups(self) -> Mapping[str, Appup]:
        """The developers' own, by application."""
        return self.common.appups

    @property
    def _version(self) -> str:
        return self.changes.new.version

    @property
    def _youngest(self) -> str:
        return self.changes.new.version if self.is_up else self.changes.old.version

    def _calls(self, when: Literal["before", "after"]) -> Iterator[Step]:
        for call in self.hints.calls(when, is_up=self.is_up):
            yield Step(f"{{apply,{call}}}", f"{self.hints.origin} says so")

    # Appups -----------------------------------------------------------------------------------------------------------

    @cached_property
    def _covered(self) -> frozenset[str]:
        """Modules that appups load or remove."""
        return frozenset(name for one in self.appups.values() for name in one.way(is_up=self.is_up).modules)

    @cached_property
    def load(self) -> Mapping[str, str]:
        """The application of each module that is loaded by our own instructions."""
        left = self._covered | set(self.hints.skip)
        return {name: app for name, app in self.changes.load.items() if name not in left}

    @property
    def gone(self) -> list[str]:
        """Modules that are removed by our own instructions, sorted."""
        return sorted(self.changes.removed - self._covered)

    @cached_property
    def _first_groups(self) -> frozenset[str]:
        """Applications whose appups come before what we load: going up what others stand on, going down the others."""
        apps = self.changes.new.apps
        ours = {app for name, app in self.load.items() if name in self.changes.changed} - self.appups.keys()
        standing = {name for name in self.appups if ours & _below(apps, name)}
        return frozenset(self.appups.keys() - standing if self.is_up else standing)

    def _groups(self, part: Callable[[Script], Sequence[str]], names: Collection[str]) -> Iterator[Step]:
        order = [name for name in self.changes.new.apps if name in names]
        for name in order if self.is_up else reversed(order):
            one = self.appups[name]
            texts = part(one.way(is_up=self.is_up))
            whys = [f"{name}: as {one.origin} says", *("" for _ in texts)]
            yield from (Step(text, why) for text, why in zip(texts, whys, strict=False))

    # Modules ----------------------------------------------------------------------------------------------------------

    def _objects(self) -> Iterator[Step]:
        for app in self.changes.new.apps.values():
            names = sorted(name for name, owner in self.load.items() if owner == app.name)
            if names:
                what = f"{{load_object_code,{{{_atom(app.name)},{string(app.version)},{_list(names)}}}}}"
                yield Step(
                    what, f"{app.name} {app.version}: read before anything is touched, so that it cannot fail later"
                )

    def _code(self, done: Sequence[str]) -> Iterator[Step]:
        loads = [name for name in self.ordered if self.load[name] not in done]
        held = [name for name in loads if name in self.servers]
        if held:
            suspended = ",".join(f"{{{_atom(name)},{self.hints.timeout.get(name, SUSPEND)}}}" for name in held)
            yield Step(f"{{suspend,[{suspended}]}}", "their processes are held while their code and state change")
        # Going down, the younger code knows how the state was: it is asked before it is gone.
        if not self.is_up:
            yield from self._states(held)
        yield from (self._load(name) for name in loads)
        if self.changes.protocols_differ:
            yield Step(_call("protocols", self._version), "protocols as they are consolidated in this release")
        if self.is_up:
            yield from self._states(held)
        if held:
            yield Step(f"{{resume,{_list(list(reversed(held)))}}}", "in the reverse order")
        # Only now: to hold them, OTP asks all supervisors and event managers, and who is held would not answer.
        yield from self._supervisors()

    def _load(self, name: str) -> Step:
        purge = f"{self.purge(name)}_purge"
        return Step(f"{{load,{{{_atom(name)},{purge},{purge}}}}}", self._reason(name))

    def _reason(self, name: str) -> str:
        if name in self.changes.added:
            return f"new, {self._kind(name)}"
        before, after = self.changes.old_modules[name], self.changes.new_modules[name]
        moved = f", moved from {before[0]} to {after[0]}" if before[0] != after[0] else ""
        return f"changed, {self._kind(name)}{moved}"

    def purge(self, name: str) -> str:
        """Return what becomes of processes that run old code of a module."""
        return self.hints.purge.get(name, "soft")

    @cached_property
    def ordered(self) -> list[str]:
        """Modules that are loaded by our own instructions, in their order."""
        after = self.hints.after
        uses = {name: (*self.uses(name), *after.get(name, ())) for name in self.load}
        # In a circle of modules that use each other, what developers say has the last word: what they want early waits
        # for nobody else.
        early = {name for names in after.values() for name in names}
        said = {name: after.get(name, ()) if name in early else used for name, used in uses.items()}
        circles = [callees_first({name: said[name] for name in group}) for group in callees_first(uses)]
        return [name for circle in circles for group in circle for name in group]

    def uses(self, name: str) -> tuple[str, ...]:
        """Return the modules that a loaded one stands on."""
        module = self.changes.new_modules[name][1]
        return (*module.calls, *module.behaviours, *((module.implements,) if module.implements else ()))

    def _kind(self, name: str) -> Kind:
        sides = (self.changes.old_modules, self.changes.new_modules)
        return kind([side[name][1] for side in sides if name in side], self.common.callbacks)

    @cached_property
    def servers(self) -> frozenset[str]:
        """Loaded modules whose processes are held meanwhile."""
        return frozenset(self._loaded("server"))

    @cached_property
    def dynamic(self) -> list[str]:
        """Loaded modules of DynamicSupervisors, in their order."""
        # Flags such as `max_children` are seen nowhere else: they are read anew whenever the module changes.
        return self._loaded("dynamic supervisor")

    def _loaded(self, wanted: Kind) -> list[str]:
        return [name for name in self.ordered if name in self.changes.changed and self._kind(name) == wanted]

    def _states(self, held: Sequence[str]) -> Iterator[Step]:
        asked = [name for name in held if self.can_change_state(name)]
        if asked:
            direction = "up" if self.is_up else "down"
            pairs = ",".join(f"{{{_atom(name)},{self.hints.extra.get(name, '[]')}}}" for name in asked)
            yield Step(f"{{code_change,{direction},[{pairs}]}}", "their states become those of this version")

    def can_change_state(self, name: str) -> bool:
        """Return whether the processes of a module are asked to change their state."""
        younger = self.changes.new_modules if self.is_up else self.changes.old_modules
        return changes_state(younger[name][1])

    # Supervision ------------------------------------------------------------------------------------------------------

    def _stop_children(self) -> Iterator[Step]:
        for path in reversed([path for path in self.places if path in self.common.restarts]):
            yield Step(_child("end_child", path), "it is restarted, as developers say")
        for one in reversed(self.supervision):
            for name in one.removed:
                yield Step(
                    _child("stop_child", (*one.path, name)),
                    "not a child any more, or another process: it ends before its code goes",
                )

    @property
    def _asked_supervisors(self) -> list[str]:
        return list(dict.fromkeys([*self.dynamic, *(one.module for one in self.supervision if not one.is_inline)]))

    def _supervisors(self) -> Iterator[Step]:
        named = self._asked_supervisors
        if named:
            modules = _list(named)
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
        added = [(*one.path, name) for one in self.supervision for name in one.added]
        for path in (path for path in self.places if path in {*added, *self.common.restarts}):
            yield Step(_child("start_child", path), "a new child" if path in added else "it starts again")

    # Applications -----------------------------------------------------------------------------------------------------

    def _stands_alone(self, app: App) -> bool:
        """Whether no application that it stands on changes, so that it can start before the rest is touched."""
        changing = {new.name for _, new in self.changes.bumped_apps}
        new = {one.name: one for one in self.changes.added_apps}
        if changing & set(app.dependencies):
            return False
        return all(self._stands_alone(new[name]) for name in app.dependencies if name in new)

    def _add(self, app: App) -> Iterator[Step]:
        yield from (self._load(name) for name in self.ordered if self.load[name] == app.name)
        yield from self._start(app)

    def _start(self, app: App) -> Iterator[Step]:
        name = _atom(app.name)
        if any(app.name in one.included for one in self.changes.new.apps.values()):
            yield Step(f"{{apply,{{application,load,[{name}]}}}}", f"{app.name} is new, and another one includes it")
        elif app.type in {"permanent", "transient", "temporary"}:
            yield Step(f"{{apply,{{application,start,[{name},{app.type}]}}}}", f"{app.name} is new in this release")
        elif app.type == "load":
            yield Step(
                f"{{apply,{{application,load,[{name}]}}}}", f"{app.name} is new in this release, and only loaded"
            )

    def _stop_applications(self) -> Iterator[Step]:
        for name in reversed(self._restarted):
            yield Step(f"{{apply,{{application,stop,[{_atom(name)}]}}}}", f"{self.hints.origin}: it is restarted")

    def _start_applications(self) -> Iterator[Step]:
        for name in self._restarted:
            kind = self.changes.new.apps[name].type
            yield Step(f"{{apply,{{application,start,[{_atom(name)},{kind}]}}}}", "it starts again")

    @property
    def _restarted(self) -> list[str]:
        return [name for name in self.changes.new.apps if name in self.hints.restart_applications]

    def _remove(self) -> Iterator[Step]:
        for app in self.changes.removed_apps:
            yield Step(f"{{apply,{{application,stop,[{_atom(app.name)}]}}}}", f"{app.name} is not in this release")
        gone = self.gone
        for name in gone:
            purge = f"{self.purge(name)}_purge"
            yield Step(f"{{remove,{{{_atom(name)},{purge},{purge}}}}}", "gone: last, when nothing calls it any more")
        # A purge kills who still runs the module.
        brutal = [name for name in gone if self.purge(name) == "brutal"]
        if brutal:
            yield Step(f"{{purge,{_list(brutal)}}}")
        for app in self.changes.removed_apps:
            yield Step(f"{{apply,{{application,unload,[{_atom(app.name)}]}}}}")
            yield Step(f"{{apply,{{code,del_path,[{_atom(app.name)}]}}}}", "OTP leaves it in the code path")


def _below(apps: Mapping[str, App], name: str) -> set[str]:
    """Return all applications that one stands on."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        more = set(apps[waiting.pop()].dependencies) & apps.keys()
        waiting += more - found
        found |= more
    return found


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
