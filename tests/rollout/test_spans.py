"""Events put together again: steps, and how it went for each host."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deliver.rollout.events import Event
from deliver.rollout.record import End, Ended, Member, Run
from deliver.rollout.spans import Account, accounts, spans
from tests.rollout import runs


def account(run: Run, host: str = "web1") -> Account:
    return next(one for one in accounts(run, spans(run)) if one.name == host)


def with_end(run: Run, *hosts: Ended) -> Run:
    return replace(run, end=End("failed", 1, hosts=hosts, at=run.steps[-1].at))


def test_a_step_is_what_began_and_ended_on_the_same_host() -> None:
    run = runs.run([["web1", "web2"]], [
        Event("start", "began", "web1", 1, at=10.0),
        Event("start", "began", "web2", 1, at=11.0),
        Event("start", "failed", "web2", 1, 2.0, "no", 13.0),
        Event("start", "ended", "web1", 1, 4.0, "runs", 14.0),
    ])  # fmt: skip

    found = [(span.host, span.begin, span.end, span.went, span.text) for span in spans(run)]

    assert found == [("web1", 10.0, 14.0, "ended", "runs"), ("web2", 11.0, 13.0, "failed", "no")]


def test_a_step_whose_beginning_was_not_told_has_its_length() -> None:
    (span,) = spans(runs.run([["web1"]], [Event("ship", "ended", "web1", seconds=3.0, at=10.0)]))

    assert (span.begin, span.end, span.seconds) == (7.0, 10.0, 3.0)


def test_a_step_whose_end_was_not_told_is_open_until_the_run_was_last_heard_of() -> None:
    began = runs.BEGAN
    run = runs.run([["web1"]], [
        Event("stop", "began", "web1", 1, at=began + 5),
        Event("drain", "note", "web2", at=began + 9),
    ])  # fmt: skip

    (span,) = spans(run)

    assert (span.went, span.seconds) == ("open", 4.0)
    assert account(run).mood == "open"


def test_the_gap_is_from_drain_to_healthy() -> None:
    assert account(runs.done([["web1"]])).gap == pytest.approx(10.0)
    assert account(runs.failed([["web1"]], {"web1": "no"})).gap is None


def test_a_hot_change_has_no_gap() -> None:
    run = runs.run([["web1"]], [
        Event("upgrade", "ended", "web1", 1, 0.045, at=10.0),
        Event("health", "ended", "web1", 1, 1.0, at=11.0),
    ])  # fmt: skip

    assert (account(run).gap, account(run).hot, account(run).mood) == (None, 0.045, "well")


@pytest.mark.parametrize("steps", range(1, 2 * len(runs.RESTART)))
def test_a_host_is_not_done_before_its_last_step_has_ended(steps: int) -> None:
    run = runs.run([["web1"]], runs.restarted("web1", 1, 10.0)[:steps])

    assert account(run).mood == ("waiting" if steps == 2 else "open")


def test_how_it_went_for_a_host() -> None:
    whole = runs.restarted("web1", 1, 10.0)
    broken = runs.restarted("web1", 1, 10.0, "start")
    undone = [*whole, Event("undo", "ended", "web1", 1, 5.0, at=99.0)]
    ship = [Event("ship", "ended", "web1", seconds=1.0, at=9.0)]

    def mood(steps: list[Event], *, state: str = "", way: str = "restart") -> str:
        run = runs.run([["web1"]], steps)
        run = replace(run, members=(replace(Member("web1"), way=way),))  # type: ignore[arg-type]
        return account(with_end(run, Ended("web1", state)) if state else run).mood  # type: ignore[arg-type]

    assert mood(whole) == mood(whole, state="new") == "well"
    assert mood(broken) == mood(broken, state="down") == mood(broken, state="old") == "failed"
    assert mood(whole, state="down") == "failed"
    assert mood(whole, state="unknown") == "open"
    assert mood(undone, state="old") == mood(whole, state="old") == "back"
    assert mood(ship, state="old") == mood(ship, state="down") == mood(ship) == "waiting"
    assert mood(ship, state="new", way="none") == mood(ship, way="none") == "well"


def test_hosts_come_batch_after_batch_and_those_of_no_batch_last() -> None:
    run = replace(runs.run([["web2"], ["web1"]], []), members=(Member("web0"), Member("web1"), Member("web2")))

    assert [(one.name, one.batch) for one in accounts(run, ())] == [("web2", 1), ("web1", 2), ("web0", 0)]
