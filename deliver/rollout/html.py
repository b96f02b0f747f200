"""Markup that cannot be broken by what is put into it."""

from __future__ import annotations

import re
from html import escape

#: How programs colour and move on terminals.
_TERMINAL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
#: What HTML may not hold, and what makes a line read in another order than it is written in.
_UNREADABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
#: Elements that have no end tag.
_VOID = ("meta", "br")


class Html(str):
    """Markup: what is in it has been escaped."""

    __slots__ = ()


def text(value: str) -> Html:
    """Return words as markup that shows just them, whatever they are."""
    plain = _TERMINAL.sub("", value.replace("\r\n", "\n"))
    return Html(escape(_UNREADABLE.sub(_named, plain)))


def element(name: str, /, *children: str, **attributes: str | float | bool) -> Html:
    """Return one element.

    Args:
        name: the tag.
        children: what is in it; what is not markup yet is taken as words.
        attributes: `class_` is `class` and `aria_label` is `aria-label`; empty and False ones are left out.
    """
    begin = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items())}>"
    return Html(begin if name in _VOID else f"{begin}{join(*children)}</{name}>")


def join(*parts: str) -> Html:
    """Return markup in a row; what is not markup yet is taken as words."""
    return Html("".join(part if isinstance(part, Html) else text(part) for part in parts))


def _attribute(key: str, value: str | float | bool) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    if value is False or value == "":
        return ""
    return f' {name}="{text(str(value))}"'


def _named(match: re.Match[str]) -> str:
    code = ord(match[0])
    return chr(0x2400 + code) if code < 0x20 else f"⟨U+{code:04X}⟩"  # noqa: PLR2004  # the pictures of control characters
