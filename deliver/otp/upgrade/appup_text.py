"""Our appups: what a plan comes to for each application, in OTP's high-level instructions. Pure.

They are for people, and for other tools; `deliver` itself goes by the relup. What no instruction of appup(5) says is
named in a comment.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence

from deliver.otp.releases_file import atom, string
from deliver.otp.upgrade.tree import Supervision
from deliver.otp.upgrade.way import SUSPEND, Way

_WIDTH = 112


def render(up: Way, down: Way) -> Mapping[str, str]:
    """Return the appup of each application whose version differs, by its name."""
    return {new.name: _appup(new.name, old.version, new.version, up, down) for old, new in up.changes.bumped_apps}


def entry(version: str, instructions: Sequence[str]) -> str:
    """Return what an appup says of one version."""
    body = ",\n    ".join(instructions)
    return f"{{{string(version)},\n   [{body}]}}"


def _appup(app: str, old: str, new: str, up: Way, down: Way) -> str:
    head = [f"{app}: from {old} to {new}, and back; see appup(5). {_HEAD}", *_unsaid(up, app)]
    comment = "\n".join(textwrap.fill(text, _WIDTH, initial_indent="%% ", subsequent_indent="%% ") for text in head)
    ways = [entry(old, list(instructions(way, app))) for way in (up, down)]
    return f"{comment}\n{{{string(new)},\n [{ways[0]}],\n [{ways[1]}]}}.\n"


_HEAD = "Written from the plan of an upgrade that was made of two booted releases."


def instructions(way: Way, app: str) -> Iterator[str]:
    """Yield what one way does to an application, as an appup says it."""
    if app in way.appups:
        yield from way.appups[app].way(is_up=way.is_up).listed
        return
    if app in way.hints.restart_applications:
        yield f"{{restart_application,{atom(app)}}}"
        return
    named = [one for one in way.supervision if one.path[0] == app and _is_sayable(one)]
    yield from _stops(way, named)
    modules = [name for name in way.ordered if way.load[name] == app]
    supervisors = dict.fromkeys(one.module for one in named)
    yield from (_module(way, name, modules) for name in modules if name not in supervisors)
    yield from (f"{{update,{atom(name)},supervisor}}" for name in supervisors)
    yield from _starts(way, named)
    yield from (f"{{delete_module,{atom(name)}}}" for name in way.gone if name in way.changes.old.apps[app].modules)


def _module(way: Way, name: str, others: Sequence[str]) -> str:
    needs = ",".join(atom(one) for one in dict.fromkeys(way.uses(name)) if one in others and one != name)
    purge = f"{way.purge(name)}_purge"
    if name in way.changes.added:
        return f"{{add_module,{atom(name)}{f',[{needs}]' if needs else ''}}}"
    if name not in way.servers:
        return f"{{load_module,{atom(name)},{purge},{purge},[{needs}]}}"
    extra = way.hints.extra.get(name, "[]")
    change = f"{{advanced,{extra}}}" if way.can_change_state(name) else "soft"
    wait = way.hints.timeout.get(name, SUSPEND)
    timeout = "" if wait == SUSPEND else f"{wait},"
    return f"{{update,{atom(name)},{timeout}{change},{purge},{purge},[{needs}]}}"


def _stops(way: Way, named: Sequence[Supervision]) -> Iterator[str]:
    for one in reversed(named):
        for name in one.removed:
            for function in ("terminate_child", "delete_child"):
                yield f"{{apply,{{supervisor,{function},[{atom(one.name)},{name}]}}}}"
    for one in named:
        for name in (name for name in one.changed if (*one.path, name) in way.common.restarts):
            yield f"{{apply,{{supervisor,terminate_child,[{atom(one.name)},{name}]}}}}"


def _starts(way: Way, named: Sequence[Supervision]) -> Iterator[str]:
    for one in named:
        restarted = [name for name in one.changed if (*one.path, name) in way.common.restarts]
        for name in (*one.added, *restarted):
            yield f"{{apply,{{supervisor,restart_child,[{atom(one.name)},{name}]}}}}"


def _is_sayable(one: Supervision) -> bool:
    return bool(one.name) and not one.is_inline


def _unsaid(way: Way, app: str) -> Iterator[str]:
    for one in way.supervision:
        if one.path[0] == app and not _is_sayable(one):
            why = "has its children inline" if one.is_inline else "has no name"
            what = ", ".join(filter(None, [*_changes(one)]))
            yield f"Not said here, as no instruction says it: {one.name or one.module} {why}, and they change: {what}."
    if way.changes.protocols_differ:
        yield "Not said here: consolidated protocols, which belong to no application, are loaded anew."


def _changes(one: Supervision) -> Iterator[str]:
    yield f"new {', '.join(one.added)}" if one.added else ""
    yield f"gone {', '.join(one.removed)}" if one.removed else ""
    yield f"other child specs of {', '.join(one.changed)}" if one.changed else ""
    yield "another order" if one.reordered else ""
