"""Reading `.deliver/upgrade.toml`: what developers say of their upgrades, checked against the releases. Pure.

Reading takes two steps, as two things are known only later: which modules there are, and what Erlang makes of a term.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from deliver.config import values
from deliver.config.load import parsed
from deliver.config.node import Node, Source, did_you_mean, kind
from deliver.otp.upgrade.changes import Changes
from deliver.otp.upgrade.facts import Module
from deliver.otp.upgrade.hints import Hints, Purge, Timeout
from deliver.otp.upgrade.order import callees_first

#: Where the file is in the repository.
NAME = ".deliver/upgrade.toml"

#: Milliseconds: a day.
_LONGEST = 86_400_000
_PAIR = "pair"
_ALIAS = re.compile(r"[A-Z]\w*(\.[A-Z]\w*)*")
_ALIASED_CALL = re.compile(r"\s*([A-Z]\w*(?:\.[A-Z]\w*)*)\s*:")
#: Modules of the runtime system, which no application has.
_PRELOADED = frozenset({"erlang", "erts_internal", "init", "persistent_term", "atomics", "counters"})


@dataclass(frozen=True)
class Term:
    """Erlang in the file, for Erlang to read.

    Args:
        kind: a term, or a call of a function.
        text: as it stands in the file.
    """

    kind: Literal["term", "call"]
    text: str


@dataclass(frozen=True)
class Understood:
    """What Erlang makes of a `Term`.

    Args:
        text: the term, or `{Module,Function,Arguments}` of a call, on one line.
        problem: what is wrong with it; empty for nothing.
        module: that a call calls.
        function: that it calls, as `name/arity`.
    """

    text: str = ""
    problem: str = ""
    module: str = ""
    function: str = ""


@dataclass(frozen=True)
class _Item:
    name: str
    value: Any
    node: Node


_Items = tuple[_Item, ...]


@dataclass(frozen=True)
class HintsFile:
    """A hints file that was read, for one pair.

    Args:
        label: what it is called in messages.
        items: what it says, by key.
    """

    label: str
    items: Mapping[str, _Items]

    def terms(self) -> list[Term]:
        """Return all Erlang in it."""
        return [item.value for items in self.items.values() for item in items if isinstance(item.value, Term)]

    def hints(self, changes: Changes, terms: Mapping[Term, Understood]) -> Hints:
        """Return what it says, held against both releases.

        Args:
            changes: what differs between them.
            terms: what Erlang makes of `terms`.

        Raises:
            ConfigError: it names what there is not, or Erlang cannot read a term; with line and key.
        """
        for key, items in self.items.items():
            for item in items:
                _check(key, item, changes, terms)
        self._refuse_circle()
        return Hints(
            origin=self.label,
            purge=self._by_name("purge"),
            timeout=self._by_name("timeout"),
            extra={item.name: terms[item.value].text for item in self._of("extra")},
            after=self._by_name("after"),
            **{key: tuple(item.name for item in self._of(key)) for key in _NAMES},
            **{key: tuple(terms[item.value].text for item in self._of(key)) for key in _CALLS},
            restart_children=tuple(item.value for item in self._of("restart_children") if item.value is not True),
            restart_changed=any(item.value is True for item in self._of("restart_children")),
            used=tuple(_used(key, items) for key, items in self.items.items() if items),
        )

    def _of(self, key: str) -> _Items:
        return self.items.get(key, ())

    def _by_name(self, key: str) -> dict[str, Any]:
        return {item.name: item.value for item in self._of(key)}

    def _refuse_circle(self) -> None:
        after = self._by_name("after")
        for item in self._of("after"):
            circle = next(group for group in callees_first(after) if item.name in group)
            if len(circle) > 1 or item.name in after[item.name]:
                raise item.node.error("goes in a circle: no order has each of these modules after the others")


def read(label: str, text: str, pair: str) -> HintsFile:
    """Read a hints file.

    Args:
        label: what it is called in messages.
        text: what it holds.
        pair: `0.1.0..0.2.0`: the table `[pair."0.1.0..0.2.0"]` stands above the keys at the top.

    Raises:
        ConfigError: something in it is wrong; the message names line and key.
    """
    table = parsed(Path(label), text)
    top = Node(Source(Path(label), text, table, {}), (), table)
    top.refuse_others([*_READERS, _PAIR], {})
    items = _items(top)
    for name, child in top.child(_PAIR).table().items() if _PAIR in table else ():
        _refuse_no_pair(name, child)
        child.refuse_others(_READERS, {})
        own = _items(child)
        if name == pair:
            items = {key: _above(key, items.get(key, ()), own.get(key, ())) for key in {**items, **own}}
    return HintsFile(label, items)


def _refuse_no_pair(name: str, node: Node) -> None:
    if not re.fullmatch(r"\S+?\.\.\S+", name):
        raise node.error("is no pair of versions", hint=f'write [{_PAIR}."0.1.0..0.2.0"]')


def _above(key: str, general: _Items, own: _Items) -> _Items:
    if key not in _MAPPINGS:
        return own or general
    return tuple({item.name: item for item in (*general, *own)}.values())


def _items(node: Node) -> dict[str, _Items]:
    return {key: tuple(_READERS[key](child)) for key, child in node.table().items() if key != _PAIR}


# Readers of keys ------------------------------------------------------------------------------------------------------


def _by_module(read_value: Callable[[Node], Any], node: Node) -> Iterator[_Item]:
    for name, child in _flat(node, ""):
        yield _Item(_module(name), read_value(child), child)


def _flat(node: Node, above: str) -> Iterator[tuple[str, Node]]:
    # TOML reads `Demo.Cache = "soft"` as a table in a table.
    for key, child in node.table().items():
        if isinstance(child.value, dict):
            yield from _flat(child, f"{above}{key}.")
        else:
            yield above + key, child


def _module(name: str) -> str:
    return f"Elixir.{name}" if _ALIAS.fullmatch(name) and not name.startswith("Elixir.") else name.removeprefix(":")


def _purge(node: Node) -> str:
    return values.choice(node, Purge)


def _timeout(node: Node) -> Timeout:
    if node.value == "infinity":
        return "infinity"
    if isinstance(node.value, str):
        raise node.error(f'must be milliseconds, or "infinity", not {node.value!r}')
    return values.whole(node, 1, _LONGEST)


def _term(node: Node) -> Term:
    return Term("term", values.text(node))


def _modules(node: Node) -> tuple[str, ...]:
    return tuple(_module(name) for name in values.listed(node, values.text))


def _named(rename: Callable[[str], str], node: Node) -> Iterator[_Item]:
    for name in values.listed(node, values.text):
        yield _Item(rename(name), None, node)


def _calls(node: Node) -> Iterator[_Item]:
    for text in values.listed(node, values.text):
        plain = _ALIASED_CALL.sub(lambda found: f"'Elixir.{found[1]}':", text, count=1)
        yield _Item("", Term("call", plain), node)


def _children(node: Node) -> Iterator[_Item]:
    if node.value is True:
        yield _Item("", True, node)  # noqa: FBT003  # it is a value
        return
    if not isinstance(node.value, list):
        raise node.error(f"must be true, or a list of places, not {kind(node.value)}", hint='["demo / Demo.Cache"]')
    for text in values.listed(node, values.text):
        yield _Item("", " / ".join(part.strip() for part in text.split("/")), node)


_MAPPINGS: Mapping[str, Callable[[Node], Iterator[_Item]]] = {
    "purge": partial(_by_module, _purge),
    "timeout": partial(_by_module, _timeout),
    "extra": partial(_by_module, _term),
    "after": partial(_by_module, _modules),
}
_NAMES: Mapping[str, Callable[[Node], Iterator[_Item]]] = {
    "skip": partial(_named, _module),
    "nif_upgrade_ok": partial(_named, _module),
    "restart_applications": partial(_named, str),
}
_CALLS = ("before_upgrade", "after_upgrade", "before_downgrade", "after_downgrade")
_READERS: Mapping[str, Callable[[Node], Iterable[_Item]]] = {
    **_MAPPINGS,
    **_NAMES,
    **dict.fromkeys(_CALLS, _calls),
    "restart_children": _children,
}

# Against the releases -------------------------------------------------------------------------------------------------


def _check(key: str, item: _Item, changes: Changes, terms: Mapping[Term, Understood]) -> None:
    if isinstance(item.value, Term) and terms[item.value].problem:
        raise item.node.error(
            f"Erlang cannot read {item.value.text!r}: {terms[item.value].problem}", hint=_EXAMPLES[item.value.kind]
        )
    if key == "restart_applications":
        _refuse_unknown(item, item.name, "application", changes.old.apps.keys() & changes.new.apps.keys())
    elif key in _CALLS:
        _refuse_no_call(key, item.node, terms[item.value], changes)
    elif key != "restart_children":
        known = changes.old_modules.keys() | changes.new_modules.keys()
        for name in (item.name, *(item.value if key == "after" else ())):
            _refuse_unknown(item, name, "module", known)


_EXAMPLES = {"term": 'write it as in Erlang: "{keep, [1, 2]}"', "call": 'write "module:function(arguments)"'}


def _refuse_unknown(item: _Item, name: str, what: str, known: Iterable[str]) -> None:
    if name not in known:
        raise item.node.error(
            f"neither release has {_article(what)} {name}" if what == "module" else f"not both releases have {name}",
            hint=did_you_mean(name, known).strip() or f"name {_article(what)} as Erlang or Elixir do",
        )


def _article(what: str) -> str:
    return f"an {what}" if what[0] == "a" else f"a {what}"


def _refuse_no_call(key: str, node: Node, call: Understood, changes: Changes) -> None:
    # What is called before a change runs on the release that goes, what is called after it on the one that comes.
    starts_old = key in {"before_upgrade", "after_downgrade"}
    facts, there = (changes.old, changes.old_modules) if starts_old else (changes.new, changes.new_modules)
    if call.module in _PRELOADED:
        return
    found: tuple[str, Module] | None = there.get(call.module)
    if found is None or call.function not in found[1].exports:
        missing = call.module if found is None else f"{call.module}:{call.function}"
        raise node.error(f"{facts.version}, which runs then, has no {missing}", hint="name what that release exports")


def _used(key: str, items: _Items) -> str:
    return f"{key}: {', '.join(_said(item) for item in items)}"


def _said(item: _Item) -> str:
    value = item.value.text if isinstance(item.value, Term) else item.value
    text = " ".join(value) if isinstance(value, tuple) else str(value).lower() if value is True else str(value or "")
    return f"{item.name} {text}".strip().replace("Elixir.", "")
