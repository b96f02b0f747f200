"""The line of time: straight where hosts are at work, short where nobody is."""

from __future__ import annotations

from itertools import pairwise

import pytest

from deliver.rollout.axis import axis
from deliver.rollout.events import Step
from deliver.rollout.spans import Span


def span(begin: float, end: float, step: Step = "start") -> Span:
    return Span(step, "web1", 1, begin, end, "ended", end - begin)


def test_a_short_roll_is_drawn_to_scale() -> None:
    line = axis(100.0, 120.0, [span(100, 110), span(111, 120)])

    assert [line.place(at) for at in (100, 105, 120)] == pytest.approx([0, 25, 100])
    assert [mark.seconds for mark in line.marks()][:3] == [0, 1, 2]
    assert [mark.left for mark in line.marks()][:3] == pytest.approx([0, 5, 10])


def test_a_long_wait_is_drawn_short() -> None:
    line = axis(0.0, 1020.0, [span(0, 10), span(10, 1010, "confirm"), span(1010, 1020)])

    assert [part.is_short for part in line.stretches] == [False, True, False]
    assert line.stretches[1].width == pytest.approx(100 * 2 / 22)
    assert line.place(1010) == pytest.approx(100 * 12 / 22)
    assert not [mark for mark in line.marks() if 10 < mark.seconds < 1010]


def test_many_long_waits_leave_most_of_the_line_to_the_work() -> None:
    line = axis(0.0, 100_000.0, [span(at, at + 1) for at in range(0, 100_000, 1000)])

    assert sum(part.width for part in line.stretches if part.is_short) == pytest.approx(100 / 3)
    assert sum(part.width for part in line.stretches) == pytest.approx(100)


def test_time_only_goes_to_the_right() -> None:
    line = axis(0.0, 500.0, [span(3, 9), span(5, 30), span(200, 210), span(400, 420)])
    places = [line.place(at) for at in range(501)]

    assert places == sorted(places)
    assert (places[0], places[-1]) == pytest.approx((0, 100))


def test_words_of_marks_do_not_meet() -> None:
    line = axis(0.0, 700.0, [span(0, 33), span(200, 210), span(400, 420)])
    shown = [mark.left for mark in line.marks() if mark.has_room]

    assert len(shown) > 3
    assert min(right - left for left, right in pairwise(shown)) >= 6.5


def test_a_roll_of_no_time_has_a_line() -> None:
    assert axis(5.0, 5.0, []).place(5.0) == 0
