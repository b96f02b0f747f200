"""Where a moment of a roll stands on a line as wide as the page."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from deliver.rollout.spans import Span

#: A wait longer than this share of the working time is drawn as long as this share; all such waits together are held
#: to the second share.
_LONGEST_WAIT, _ALL_WAITS = 0.1, 0.5
#: Distances between marks, in seconds.
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400)
#: Marks are no nearer to each other than this, in percent of the line.
_NEAREST = 5.0
#: So much of the line, in percent, the words of a mark take at most.
_LABEL = 6.5
#: While one of these goes on, and nothing else, no host is at work: it is a wait.
_WAITS = ("batch", "pause", "confirm", "lock", "build")


@dataclass(frozen=True)
class Stretch:
    """A part of the line.

    Args:
        begin: its first moment, in seconds since 1970.
        end: its last.
        left: where it begins on the line, in percent.
        width: how much of the line it takes, in percent.
        is_short: whether it is drawn shorter than it was.
    """

    begin: float
    end: float
    left: float
    width: float
    is_short: bool


@dataclass(frozen=True)
class Mark:
    """A mark on the line.

    Args:
        seconds: since the beginning.
        left: where it stands, in percent.
        has_room: whether there is room for words at its right.
    """

    seconds: float
    left: float
    has_room: bool


@dataclass(frozen=True)
class Axis:
    """A line on which time goes from left to right, long waits shortened.

    Args:
        stretches: its parts, without gaps.
    """

    stretches: tuple[Stretch, ...]

    @property
    def begin(self) -> float:
        """The first moment, in seconds since 1970."""
        return self.stretches[0].begin

    def place(self, moment: float) -> float:
        """Return where a moment stands, in percent of the line."""
        part = self.stretches[min(bisect_left(self._ends, moment), len(self._ends) - 1)]
        share = (moment - part.begin) / (part.end - part.begin)
        return part.left + part.width * min(1.0, max(0.0, share))

    @cached_property
    def _ends(self) -> list[float]:
        return [part.end for part in self.stretches]

    def marks(self) -> list[Mark]:
        """Return marks at round numbers of seconds since the beginning; none within a shortened wait."""
        straight = [part for part in self.stretches if not part.is_short]
        if not straight:
            return []
        pace = sum(part.end - part.begin for part in straight) / sum(part.width for part in straight)
        step = next((step for step in _STEPS if step >= pace * _NEAREST), _STEPS[-1])
        marks: list[Mark] = []
        free = 0.0
        for seconds, left, room in (mark for part in straight for mark in self._marks_in(part, step)):
            has_room = left >= free and room >= _LABEL
            marks.append(Mark(seconds, left, has_room))
            free = left + _LABEL if has_room else free
        return marks

    def _marks_in(self, part: Stretch, step: float) -> list[tuple[float, float, float]]:
        first = -int(-(part.begin - self.begin) // step)
        last = int((part.end - self.begin) // step)
        marks = ((number * step, self.place(self.begin + number * step)) for number in range(first, last + 1))
        return [(seconds, left, part.left + part.width - left) for seconds, left in marks]


def axis(begin: float, end: float, told: Iterable[Span]) -> Axis:
    """Return the line for a roll.

    Args:
        begin: its first moment, in seconds since 1970.
        end: its last.
        told: its steps; what is between them is a wait; so are pauses, and a build.
    """
    end = max(end, begin + 0.001)
    works = _united((span.begin, span.end) for span in told if span.step not in _WAITS)
    busy = sum(to - since for since, to in works) or end - begin
    parts = _parts(begin, end, works, _LONGEST_WAIT * busy)
    waits = sum(is_wait for _, _, is_wait in parts)
    return Axis(_drawn(parts, busy * min(_LONGEST_WAIT, _ALL_WAITS / max(1, waits))))


def _united(times: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    united: list[tuple[float, float]] = []
    for begin, end in sorted(times):
        if united and begin <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((begin, end))
    return united


def _parts(
    begin: float, end: float, works: Iterable[tuple[float, float]], longest: float
) -> list[tuple[float, float, bool]]:
    """Cut the time where a wait is too long to be drawn; say of each part whether it is such a wait."""
    parts: list[tuple[float, float, bool]] = []
    since = free = begin
    for work_begin, work_end in (*works, (end, end)):
        if work_begin - free > longest:
            parts += [(since, free, False), (free, work_begin, True)]
            since = work_begin
        free = max(free, work_end)
    return [part for part in (*parts, (since, end, False)) if part[1] > part[0]]


def _drawn(parts: Sequence[tuple[float, float, bool]], wait: float) -> tuple[Stretch, ...]:
    lengths = [wait if is_short else end - begin for begin, end, is_short in parts]
    stretches, left = [], 0.0
    for (begin, end, is_short), length in zip(parts, lengths, strict=True):
        width = 100 * length / sum(lengths)
        stretches.append(Stretch(begin, end, left, width, is_short))
        left += width
    return tuple(stretches)
