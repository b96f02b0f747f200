"""The timeline of a roll: a row for each host, a bar for each of its steps, as markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from deliver.rollout.axis import Axis, Stretch
from deliver.rollout.html import Html, element, join
from deliver.rollout.spans import Account, Mood, Span, Went, mood_of
from deliver.rollout.words import SIGNS, STEPS, count, duration, letter, state

#: So many rows are shown as they are; of more, what went well is folded.
FEW = 40
#: Hosts whose rows are never folded.
_TROUBLED = ("failed", "open")
#: A bar is at least this wide, in percent: what took no time still happened.
_NARROWEST = 0.4
#: From this share of the line on, in percent, a bar has room for a letter, and for each letter of its name.
_LETTER, _PER_LETTER = 1.6, 1.15
#: From this share on it has room for a sign and a letter.
_MARKED = 4.0
#: From this share on a shortened wait has room for its length.
_LABELLED = 4.0
#: At the right end of the line there is no room for a sign; the row's last column has it.
_FULL = 97.0
_MARKS: dict[Went, str] = {"ended": "", "failed": "✖", "open": "?"}


@dataclass(frozen=True)
class Batch:
    """Batches that stand in the timeline as one.

    Args:
        title: what they are called.
        hosts: their hosts.
        spans: the batches' own times.
    """

    title: str
    hosts: tuple[Account, ...]
    spans: tuple[Span, ...]

    @property
    def mood(self) -> Mood:
        """How it went: the worst of its hosts and of itself."""
        if any(span.went == "failed" for span in self.spans):
            return "failed"
        return mood_of(self.hosts)


def timeline(line: Axis, told: Sequence[Span], hosts: Sequence[Account]) -> Html:
    """Return the whole timeline with its axis and legend.

    Args:
        line: where each moment stands.
        told: all steps of the roll.
        hosts: what was done to each host.
    """
    whole = tuple(span for span in told if not span.host and span.step != "batch")
    rows = [_row("whole roll", whole, "", line, "whole")] if whole else []
    batches = _batches(hosts, [span for span in told if not span.host and span.step == "batch"])
    rows += [_batch(batch, line, is_folded=len(hosts) > FEW) for batch in batches]
    chart = element("div", _marks(line), _grid(line), *rows, class_="chart")
    return join(_legend(told), chart)


def _batches(hosts: Sequence[Account], told: Sequence[Span]) -> list[Batch]:
    """Return the batches; of very many, those in a row that went the same way are one."""
    by_number = {number: tuple(group) for number, group in groupby(hosts, key=lambda host: host.batch)}
    spans: dict[int, tuple[Span, ...]] = {}
    for span in told:
        spans[span.batch] = (*spans.get(span.batch, ()), span)
    numbers = [number for number in by_number if number]
    is_many = len(numbers) > FEW
    groups = [
        list(group)
        for _, group in groupby(numbers, key=lambda number: mood_of(by_number[number]) if is_many else number)
    ]
    found = [
        Batch(
            _title(group),
            tuple(host for number in group for host in by_number[number]),
            tuple(span for number in group for span in spans.get(number, ())),
        )
        for group in groups
    ]
    rest = by_number.get(0, ())
    return [*found, Batch("in no batch", rest, ())] if rest else found


def _title(numbers: Sequence[int]) -> str:
    return f"batch {numbers[0]}" if len(numbers) == 1 else f"batches {numbers[0]}-{numbers[-1]}"


def _batch(batch: Batch, line: Axis, *, is_folded: bool) -> Html:
    head = _head(batch, line)
    if not is_folded:
        return element("section", head, *(_host(host, line) for host in batch.hosts), class_="batch")
    bad = [host for host in batch.hosts if host.mood in _TROUBLED]
    good = [host for host in batch.hosts if host.mood not in _TROUBLED]
    if not bad:
        return element("details", element("summary", head), *(_host(host, line) for host in good), class_="batch")
    rest = count(len(good), "host") + (" more" if good else "")
    folded = element("details", element("summary", rest, class_="more"), *(_host(host, line) for host in good))
    return element("section", head, *(_host(host, line) for host in bad), folded if good else "", class_="batch")


def _head(batch: Batch, line: Axis) -> Html:
    took = sum(span.seconds for span in batch.spans)
    said = f"{SIGNS[batch.mood]} {duration(took)}" if batch.spans else f"{SIGNS[batch.mood]} not started"
    name = element("span", element("b", batch.title), f" {count(len(batch.hosts), 'host')}", class_="name")
    bars = element("svg", *(_bracket(span, line) for span in batch.spans), class_="bars", aria_hidden="true")
    return element("div", name, bars, element("span", said, class_="said"), class_=f"row head {batch.mood}")


def _bracket(span: Span, line: Axis) -> Html:
    left, width = _place(span, line)
    return element("rect", x=f"{left}%", y="8", width=f"{width}%", height="4", class_="bracket")


def _host(host: Account, line: Axis) -> Html:
    return _row(host.name, host.spans, f"{SIGNS[host.mood]} {state(host)}", line, host.mood)


def _row(name: str, told: Iterable[Span], said: str, line: Axis, kind: str) -> Html:
    told = tuple(told)
    # What is narrow lies on top of what is wide, and of bars as narrow as can be, the one that failed.
    bars = (_bar(span, line) for span in sorted(told, key=lambda span: (-_place(span, line)[1], span.went != "ended")))
    drawing = element("svg", *bars, class_="bars", role="img", aria_label=spoken(told)) if told else element("span")
    name_part = element("span", name, class_="name", title=name)
    return element("div", name_part, drawing, element("span", said, class_="said", title=said), class_=f"row {kind}")


def spoken(told: Iterable[Span]) -> str:
    """Return steps as a sentence: `drain 2.1 s, stop 1.3 s, start failed after 8 s`."""
    words = {"ended": "", "failed": "failed after ", "open": "not ended after "}
    told = tuple(told)
    said = [f"{span.step} {words[span.went]}{duration(span.seconds)}" for span in told[:FEW]]
    return ", ".join([*said, count(len(told) - FEW, "more step")] if len(told) > FEW else said)


def _bar(span: Span, line: Axis) -> Html:
    left, width = _place(span, line)
    words = {"ended": "", "failed": ", failed", "open": ", not ended"}
    title = f"{span.step} {duration(span.seconds)}{words[span.went]}, at {duration(span.begin - line.begin)}"
    rect = element("rect", x=f"{left}%", width=f"{width}%", height="18", class_=f"{span.step} {span.went}")
    parts = [element("title", title), rect]
    if width > _LETTER:
        parts.append(element("text", _label(span, width), x=f"{left}%", dx="3", y="13"))
    elif span.went != "ended" and left + width < _FULL:
        parts.append(element("text", _MARKS[span.went], x=f"{left + width:g}%", dx="2", y="13", class_="sign"))
    return element("g", *parts)


def _label(span: Span, width: float) -> str:
    name = span.step if width > _LETTER + _PER_LETTER * len(span.step) else letter(span.step)
    return f"{_MARKS[span.went]} {name}".strip() if width > _MARKED or span.went == "ended" else _MARKS[span.went]


def _place(span: Span, line: Axis) -> tuple[float, float]:
    left = line.place(span.begin)
    return round(left, 2), max(_NARROWEST, round(line.place(span.end) - left, 2))


def _marks(line: Axis) -> Html:
    labels = (
        element("text", duration(mark.seconds), x=f"{mark.left:.2f}%", dx="3", y="12")
        for mark in line.marks()
        if mark.has_room
    )
    waits = (_wait(part) for part in line.stretches if part.is_short and part.width > _LABELLED)
    bars = element("svg", *labels, *waits, class_="bars", aria_hidden="true")
    return element("div", element("span", "since the start", class_="name"), bars, class_="row axis")


def _wait(part: Stretch) -> Html:
    middle = f"{part.left + part.width / 2:.2f}%"
    return element(
        "text", f"// {duration(part.end - part.begin)}", x=middle, y="12", text_anchor="middle", class_="wait"
    )


def _grid(line: Axis) -> Html:
    waits = (
        element("rect", x=f"{part.left:.2f}%", width=f"{part.width:.2f}%", height="100%", class_="wait")
        for part in line.stretches
        if part.is_short
    )
    lines = (element("line", x1=f"{mark.left:.2f}%", x2=f"{mark.left:.2f}%", y2="100%") for mark in line.marks())
    return element("svg", *waits, *lines, class_="grid", aria_hidden="true")


def _legend(told: Iterable[Span]) -> Html:
    """Return what the bars that are there mean."""
    told = tuple(told)
    used = {span.step for span in told} - {"batch"}
    steps = (_key(step, letter, words) for step, (letter, words) in STEPS.items() if step in used)
    signs = {
        "failed": element("li", element("b", "✖", class_="sign"), " failed"),
        "open": element("li", element("b", "?", class_="sign"), " began, its end is not known"),
    }
    went = {span.went for span in told}
    return element("ul", *steps, *(mark for key, mark in signs.items() if key in went), class_="legend")


def _key(step: str, letter: str, words: str) -> Html:
    chip = element("rect", width="22", height="16", class_=f"{step} ended")
    mark = element("text", letter, x="11", y="12", text_anchor="middle")
    return element("li", element("svg", chip, mark, class_="chip", aria_hidden="true"), element("b", step), f" {words}")
