"""What an upgraded node must be: compared with a fresh boot, and with itself before. Pure.

Every rule yields findings; one of level `error` says that the node is not what a fresh boot of the version would be.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from deliver.otp.upgrade import data
from deliver.otp.upgrade.pair import Finding
from deliver.otp.upgrade.snapshot import Process, Snapshot
from deliver.otp.upgrade.tree import spoken

#: State shapes of which nothing follows: a field that is not set yet is an atom in one process and a map in another.
_UNSET = "atom"
#: The application whose supervisor starts some children only when they are first needed; no hot upgrade changes it.
_LAZY = "kernel"


@dataclass(frozen=True)
class Expected:
    """What a node should be after a step.

    Args:
        fresh: a node freshly booted from the version that it should run.
        before: the node itself, before the step.
        ended: places in the tree whose processes the step ends.
        started: a node freshly booted from the version before the step; None when nobody knows.
        used: that fresh node once the user's probe has made it work; None without a probe.
        structs: keys of structs that the step changes, as the new version has them, by module.
        elsewhere: whether the fresh node had other surroundings: another configuration, and so other children.
        skipped: modules that the step leaves as they are.
        asked: modules whose processes had to change their states.
    """

    fresh: Snapshot
    before: Snapshot
    ended: tuple[tuple[str, ...], ...] = ()
    started: Snapshot | None = None
    used: Snapshot | None = None
    structs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    elsewhere: bool = False
    skipped: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()


def check(now: Snapshot, expected: Expected) -> Iterator[Finding]:
    """Yield what is wrong with a node after an upgrade, and what should be known of it."""
    yield from _release(now, expected)
    yield from _code(now, expected.fresh, expected.skipped)
    yield from _applications(now, expected.fresh)
    if not expected.elsewhere:
        yield from _environment(now, expected)
        yield from _tree(now, expected.fresh, _came(expected))
    yield from _suspended(now)
    yield from _kept(now, expected)
    yield from _state_findings(now, expected)
    yield from _silent(now, expected.asked)
    yield from data.kept_functions(now, expected.before)
    yield from _errors(now, expected.before)


def _release(now: Snapshot, expected: Expected) -> Iterator[Finding]:
    if now.os_pid != expected.before.os_pid:
        yield Finding("error", "node", "its operating system process is another one: it was restarted")
    if now.release != expected.fresh.release:
        yield Finding("error", "node", f"it runs {now.release}, not {expected.fresh.release}")


def _code(now: Snapshot, fresh: Snapshot, skipped: Collection[str]) -> Iterator[Finding]:
    for name, md5 in sorted(now.modules.items()):
        if name not in fresh.modules or name in skipped:
            continue  # a fresh node has not loaded it yet: modules are loaded when they are first called
        if fresh.modules[name] != md5:
            yield Finding("error", name, "the loaded code is not this version's")
    missing = sorted(set(fresh.paths) - set(now.paths))
    left = sorted(set(now.paths) - set(fresh.paths))
    for path in missing:
        yield Finding("error", path, "is not in the code path")
    for path in left:
        yield Finding("error", path, "is still in the code path")
    for one in now.old_code:
        modules = ", ".join(one.get("modules", ()))
        text = f"still runs old code of {modules}: if it does not leave it, it ends when the version is made permanent"
        yield Finding("warning", str(one.get("name") or one.get("pid")), text)


def _applications(now: Snapshot, fresh: Snapshot) -> Iterator[Finding]:
    yield from _differences(now.applications, fresh.applications, "application", "runs")
    loaded = {name: version for name, version in now.loaded.items() if name in fresh.loaded}
    yield from _differences(loaded, {name: fresh.loaded[name] for name in loaded}, "application", "is loaded")


def _differences(now: Mapping[str, str], fresh: Mapping[str, str], what: str, verb: str) -> Iterator[Finding]:
    for name in sorted(now.keys() | fresh.keys()):
        has, wanted = now.get(name), fresh.get(name)
        if has != wanted:
            text = f"the {what} {verb} as {has or 'nothing'}, on a freshly booted node as {wanted or 'nothing'}"
            yield Finding("error", name, text)


def _environment(now: Snapshot, expected: Expected) -> Iterator[Finding]:
    fresh = expected.fresh
    for app in sorted(now.environment.keys() & fresh.environment.keys()):
        wanted = fresh.environment[app]
        own = _set_at_runtime(app, expected)
        has = {key: value for key, value in now.environment[app].items() if key in wanted or own.get(key) != value}
        for key in sorted(has.keys() | wanted.keys()):
            if has.get(key) != wanted.get(key):
                state = "is missing" if key not in has else "is left over" if key not in wanted else "has another value"
                yield Finding("error", f"{app}.{key}", f"in the application environment, it {state}")


def _set_at_runtime(app: str, expected: Expected) -> dict[str, str]:
    # What an application has set by itself since it was started stands in no file, and is kept.
    if expected.started is None:
        return {}
    started = expected.started.environment.get(app, {})
    return {key: value for key, value in expected.before.environment.get(app, {}).items() if key not in started}


def _tree(now: Snapshot, fresh: Snapshot, came: frozenset[tuple[str, ...]]) -> Iterator[Finding]:
    has, wanted = _static(now), _static(fresh)
    for path in wanted:
        if path not in has:
            yield Finding("error", spoken(path), "is not in the supervision tree")
    for path, process in has.items():
        if path in came or (path not in wanted and path[0] == _LAZY):
            continue
        if path not in wanted:
            yield Finding("error", spoken(path), "is in the supervision tree, and not on a freshly booted node")
        elif _spec(process) != _spec(wanted[path]):
            yield Finding(
                "error", spoken(path), f"its child spec is not the new one: {_spec_difference(process, wanted[path])}"
            )
        elif wanted[path].pid and not process.pid:
            yield Finding("error", spoken(path), "is not running")


def _came(expected: Expected) -> frozenset[tuple[str, ...]]:
    # Children that came to a supervisor while the node ran, as an application of the old version itself had it.
    started = _static(expected.started or expected.before)
    return frozenset(_static(expected.before).keys() - started.keys() - _static(expected.fresh).keys())


def _suspended(now: Snapshot) -> Iterator[Finding]:
    for process in now.tree:
        if process.suspended:
            yield Finding("error", spoken(process.path), "is still suspended")


def _static(node: Snapshot) -> dict[tuple[str, ...], Process]:
    return {one.path: one for one in node.tree if not one.dynamic}


def _spec(process: Process) -> dict[str, object]:
    one = process.supervisor
    return {
        "type": process.type,
        "restart": process.restart,
        "shutdown": process.shutdown,
        "modules": process.modules,
        "start": process.start,
        "strategy": one and (one.module, one.strategy, one.intensity, one.period),
    }


def _spec_difference(has: Process, wanted: Process) -> str:
    pairs = zip(_spec(has).items(), _spec(wanted).values(), strict=True)
    return ", ".join(f"{key} is {one}, not {other}" for (key, one), other in pairs if one != other)


def _kept(now: Snapshot, expected: Expected) -> Iterator[Finding]:
    before, after = _static(expected.before), _static(now)
    yield from _handlers(before, after, expected)
    for path, process in before.items():
        if path in after and process.pid and after[path].pid != process.pid and not _ends(path, expected):
            yield Finding("error", spoken(path), "is another process than before: it ended, and its state with it")
    yield from _gone(now.names, expected, "names", "is not registered any more")
    yield from _gone(now.tables, expected, "tables", "is gone: an ETS table, and what was in it")
    ports = tuple(str(one) for one in now.ports)
    yield from _gone(ports, expected, "ports", "is a port that nobody listens on any more")


def _handlers(
    before: Mapping[tuple[str, ...], Process], after: Mapping[tuple[str, ...], Process], expected: Expected
) -> Iterator[Finding]:
    wanted = _static(expected.fresh)
    for path, process in after.items():
        known = set(before[path].handlers if path in before else ()) & set(
            wanted[path].handlers if path in wanted else ()
        )
        for name in sorted(known - set(process.handlers)):
            yield Finding("error", spoken(path), f"has lost its handler {name}")


def _ends(path: tuple[str, ...], expected: Expected) -> bool:
    return any(path[: len(one)] == one for one in expected.ended)


def _gone(now: tuple[str, ...], expected: Expected, what: str, text: str) -> Iterator[Finding]:
    before = {str(one) for one in getattr(expected.before, what)}
    wanted = {str(one) for one in getattr(expected.fresh, what)}
    for name in sorted((before & wanted) - set(now)):
        yield Finding("error", name, text)


def _state_findings(now: Snapshot, expected: Expected) -> Iterator[Finding]:
    found = [*_states(now, expected.fresh), *_dynamic_states(now, expected)]
    yield from found
    # What is said of a state as a whole need not be said again of what is in it.
    told = {one.about for one in found}
    yield from (one for one in data.kept_structs(now, expected.structs) if one.about not in told)


def _states(now: Snapshot, fresh: Snapshot) -> Iterator[Finding]:
    wanted = _static(fresh)
    for path, process in _static(now).items():
        other = wanted.get(path)
        if other is None or other.callback != process.callback or None in (process.state, other.state):
            continue
        for module, has, fresh_state in _compared(process, other):
            difference = shape_difference(has, fresh_state)
            if difference:
                text = f"its state is not as {module} makes it: {difference}; it needs a code_change"
                yield Finding("error", spoken(path), text)


def _compared(process: Process, fresh: Process) -> Iterator[tuple[str, Any, Any]]:
    """Yield a module, its state, and the one that it makes: of an event manager, for each of its handlers."""
    if process.behaviour != "gen_event":
        yield process.callback, process.state, fresh.state
        return
    made = dict(zip(fresh.handlers, fresh.state["tuple"], strict=False))
    for module, state in zip(process.handlers, process.state["tuple"], strict=False):
        if module in made:
            yield module, state, made[module]


def _silent(now: Snapshot, asked: Collection[str]) -> Iterator[Finding]:
    for process in now.tree:
        if process.silent and (process.callback in asked or set(process.handlers) & set(asked)):
            text = f"does not answer: nobody knows whether {process.callback} has changed its state"
            yield Finding("error", spoken(process.path), text)


def _dynamic_states(now: Snapshot, expected: Expected) -> Iterator[Finding]:
    """Compare those that come and go with any fresh process that runs the same changed module."""
    known = [one for node in (expected.fresh, expected.used) if node for one in node.tree if one.state is not None]
    unknown = set()
    for process in now.tree:
        name = process.callback
        if not process.dynamic or process.state is None or now.modules.get(name) == expected.before.modules.get(name):
            continue
        differences = [shape_difference(process.state, one.state) for one in known if one.callback == name]
        if differences and all(differences):
            text = f"its state is not as {name} makes it: {differences[0]}; it needs a code_change"
            yield Finding("error", spoken(process.path), text)
        elif not differences and name not in unknown and not expected.elsewhere:
            unknown.add(name)
            text = "changes, and runs in processes that no fresh node has: nothing shows whether it takes their states"
            yield Finding("warning", name, text)


def shape_difference(has: Any, wanted: Any, where: str = "") -> str:
    """Return how the shape of a state differs from a fresh one's; empty when nothing follows from it.

    Lists, numbers and what is not set yet tell nothing. Keys of structs, the size of tuples and record tags do.
    """
    if isinstance(has, dict) and isinstance(wanted, dict):
        return _inner_difference(has, wanted, where)
    if has == wanted or _UNSET in (has, wanted) or _tells_nothing(has, wanted):
        return ""
    return _at(where, f"{_name(has)} instead of {_name(wanted)}")


def _inner_difference(has: Mapping[str, Any], wanted: Mapping[str, Any], where: str) -> str:
    if has.keys() != wanted.keys() or has.get("struct") != wanted.get("struct"):
        if _tells_nothing(has, wanted):
            return ""
        return _at(where, f"{_name(has)} instead of {_name(wanted)}")
    if "atom" in has:
        return "" if has["atom"] == wanted["atom"] else _at(where, f"{has['atom']} instead of {wanted['atom']}")
    if "tuple" in has:
        return _tuple_difference(has["tuple"], wanted["tuple"], where)
    if "struct" in has:
        return _struct_difference(has["keys"], wanted["keys"], where)
    return _map_difference(has["map"], wanted["map"], where)


def _tuple_difference(has: list[Any], wanted: list[Any], where: str) -> str:
    if len(has) != len(wanted):
        return _at(where, f"a tuple of {len(has)} instead of {len(wanted)}")
    pairs = enumerate(zip(has, wanted, strict=True), 1)
    return next(filter(None, (shape_difference(a, b, f"{where}#{n}") for n, (a, b) in pairs)), "")


def _struct_difference(has: Mapping[str, Any], wanted: Mapping[str, Any], where: str) -> str:
    lacks, more = sorted(wanted.keys() - has.keys()), sorted(has.keys() - wanted.keys())
    parts = [f"lacks {', '.join(lacks)}"] if lacks else []
    parts += [f"still has {', '.join(more)}"] if more else []
    return _at(where, " and ".join(parts)) or _values_difference(has, wanted, where)


def _map_difference(has: Mapping[str, Any], wanted: Mapping[str, Any], where: str) -> str:
    # A map may hold data under atoms: only what every fresh state has from the start is missed, and only at the top.
    lacks = sorted(wanted.keys() - has.keys()) if not where else []
    return _at(where, f"lacks {', '.join(lacks)}" if lacks else "") or _values_difference(has, wanted, where)


def _values_difference(has: Mapping[str, Any], wanted: Mapping[str, Any], where: str) -> str:
    both = [key for key in wanted if key in has]
    return next(filter(None, (shape_difference(has[key], wanted[key], f"{where}.{key}") for key in both)), "")


def _at(where: str, text: str) -> str:
    return f"{where}: {text}" if where and text else text


def _tells_nothing(has: Any, wanted: Any) -> bool:
    # An empty map and one with any keys, a number of either kind: data, not shape.
    kinds = [one if isinstance(one, str) else next(iter(one)) for one in (has, wanted)]
    return sorted(kinds) in (["integer", "float"], ["float", "integer"], ["map", "map"]) or "..." in kinds


def _name(shape: Any) -> str:
    if isinstance(shape, str):
        return shape
    if "struct" in shape:
        return str(shape["struct"]).removeprefix("Elixir.")
    return f"a tuple of {len(shape['tuple'])}" if "tuple" in shape else next(iter(shape))


def _errors(now: Snapshot, before: Snapshot) -> Iterator[Finding]:
    known = set(before.errors)
    for line in now.errors:
        if line not in known:
            yield Finding("error", "log", line)
