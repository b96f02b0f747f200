"""Markup that holds whatever is put into it."""

from __future__ import annotations

import pytest

from deliver.rollout.html import element, join, text


@pytest.mark.parametrize(
    ("words", "markup"),
    [
        ("<b>&\"'", "&lt;b&gt;&amp;&quot;&#x27;"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07shown", "shown"),
        ("a\r\nb\tc", "a\nb\tc"),
        ("nul \0 bell \x07", "nul ␀ bell ␇"),
        ("turned \u202e round", "turned ⟨U+202E⟩ round"),
        ("half \ud800", "half ⟨U+D800⟩"),
    ],
)
def test_words_are_shown_as_they_are(words: str, markup: str) -> None:
    assert text(words) == markup


def test_markup_is_not_escaped_twice() -> None:
    assert element("p", element("b", "<"), " & ") == "<p><b>&lt;</b> &amp; </p>"
    assert join(element("b", "x"), "<") == "<b>x</b>&lt;"


def test_attributes() -> None:
    assert element("rect", x="1%", class_="a b", aria_label='"') == (
        '<rect x="1%" class="a b" aria-label="&quot;"></rect>'
    )
    assert element("details", open=True) == "<details open></details>"
    assert element("details", open=False, title="") == "<details></details>"
    assert element("meta", charset="utf-8") == '<meta charset="utf-8">'
