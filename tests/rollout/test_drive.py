"""The driver, with real threads, real signals, and hands that only wait."""

from __future__ import annotations

import os
import signal
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import pytest

from deliver.config.schema import Pause, Rolling, Share
from deliver.errors import DeliverError, NodeError
from deliver.rollout import drive as driving
from deliver.rollout.drive import drive
from deliver.rollout.events import Event, Result
from deliver.rollout.machine import Batch, Member, Outcome, Roll
from tests.rollout import bench

#: Nothing here takes that long; a test that hangs ends.
DEADLINE = 10.0


@dataclass
class Told:
    """Keeps what is told, and knows when it was told of a step or a kind."""

    events: list[Event] = field(default_factory=list)
    heard: defaultdict[str, threading.Event] = field(default_factory=lambda: defaultdict(threading.Event))

    def tell(self, event: Event) -> None:
        self.events.append(event)
        self.heard[event.step].set()
        self.heard[event.kind].set()

    def lines(self) -> list[str]:
        return [" ".join(filter(None, [one.step, one.kind, str(one.batch), one.host, one.text])) for one in self.events]


@dataclass
class Hands:
    """Does nothing, notes it, and calls what a test puts in the way."""

    during: dict[str, Callable[[], object]] = field(default_factory=dict)
    answer: bool = True
    begun: defaultdict[str, threading.Event] = field(default_factory=lambda: defaultdict(threading.Event))
    done: list[str] = field(default_factory=list)

    def open(self, batch: Batch) -> None:
        self._do(f"open {batch.number}")

    def close(self, batch: Batch) -> None:
        self._do(f"close {batch.number}")

    def change(self, host: str, batch: int) -> Result:
        self._do(f"change {host} in {batch}")
        return Result(host, "new", "2")

    def undo(self, host: str) -> Result:
        self._do(f"undo {host}")
        return Result(host, "old", "1")

    def ask(self, question: str) -> bool:
        self._do(f"ask {question}")
        return self.answer

    def _do(self, what: str) -> None:
        self.begun[what].set()
        self.during.get(what, lambda: None)()
        self.done.append(what)


def a_roll(*sizes: int, hosts: str = "abc", rolling: Rolling | None = None) -> Roll:
    batches = tuple(Share(count=size) for size in sizes)
    rolling = rolling or Rolling(batches)
    return Roll([Member(host) for host in hosts], rolling, parallel=8)


def run(roll: Roll, hands: Hands, told: Told | None = None) -> Outcome:
    return drive(roll, hands, told or Told(), 8)


def fail(error: BaseException) -> Callable[[], None]:
    def failing() -> None:
        raise error

    return failing


def interrupt_when(something: threading.Event) -> None:
    """Strike Ctrl-C from another thread once `something` is so."""

    def strike() -> None:
        if something.wait(DEADLINE):
            os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=strike, daemon=True).start()


def test_batches_follow_one_another_and_are_told() -> None:
    hands, told = Hands(), Told()

    outcome = run(a_roll(1, 2), hands, told)

    assert outcome == "done"
    assert hands.done[:4] == ["open 1", "change a in 1", "close 1", "open 2"]
    assert sorted(hands.done[4:6]) == ["change b in 2", "change c in 2"]
    assert hands.done[6:] == ["close 2"]
    assert told.lines() == ["batch began 1 a", "batch ended 1", "batch began 2 b, c", "batch ended 2"]


def test_hosts_of_a_batch_are_worked_on_at_once() -> None:
    together = threading.Barrier(3, timeout=DEADLINE)
    hands = Hands({f"change {host} in 1": together.wait for host in "abc"})

    assert run(a_roll(3), hands) == "done"


def test_pauses_and_questions_are_told() -> None:
    hands, told = Hands(answer=False), Told()
    rolling = Rolling((Share(count=1),), pause=Pause(0.01), confirm_after="batch")
    asked = [True, False]
    hands.during["ask batch"] = lambda: setattr(hands, "answer", asked.pop(0))

    outcome = run(a_roll(rolling=rolling), hands, told)

    assert outcome == "declined"
    assert told.lines()[2:6] == [
        "confirm began 1 batch",
        "confirm ended 1 yes",
        "pause began 1 0.01 s",
        "pause ended 1",
    ]
    assert told.lines()[-2:] == ["confirm began 2 batch", "confirm failed 2 no"]


def test_a_batch_that_a_hook_refused_is_told() -> None:
    told = Told()

    outcome = run(a_roll(1), Hands({"open 1": fail(DeliverError("not today"))}), told)

    assert outcome == "refused"
    assert told.lines()[-1] == "batch failed 1 not today"


def test_a_batch_with_a_failed_host_is_told() -> None:
    told = Told()
    roll = a_roll(1)

    outcome = run(roll, Hands({"change a in 1": fail(NodeError("crashed"))}), told)

    assert outcome == "failed"
    assert roll.standings["a"] == "unknown"
    assert told.lines()[-1] == "batch failed 1 a: failed"


def test_hosts_that_did_not_begin_are_told() -> None:
    told = Told()
    rolling = Rolling((Share(count=1),), max_failures=1)
    roll = Roll([Member("a", "z"), Member("b", "z")], rolling, parallel=8)

    assert run(roll, Hands({"change a in 1": fail(NodeError("crashed"))}), told) == "failed"
    assert told.lines()[-1] == "batch note 2 b did not begin, for a of its zone is out"


def test_ctrl_c_lets_what_is_under_way_end() -> None:
    told = Told()
    hands = Hands({"change a in 1": partial(told.heard["note"].wait, DEADLINE)})
    roll = a_roll(1)
    interrupt_when(hands.begun["change a in 1"])

    assert run(roll, hands, told) == "interrupted"
    assert hands.done == ["open 1", "change a in 1", "close 1"]
    assert dict(roll.standings) == {"a": "new", "b": "old", "c": "old"}
    expected = "interrupted; nothing more begins; waiting for a; interrupt again to leave at once"
    assert f"batch note 0 {expected}" in told.lines()


def test_a_second_ctrl_c_leaves_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    closed, released = threading.Event(), threading.Event()
    monkeypatch.setattr(driving, "close_all", closed.set)
    told, roll = Told(), a_roll(1)
    hands = Hands({"change a in 1": partial(released.wait, DEADLINE)})
    interrupt_when(hands.begun["change a in 1"])
    interrupt_when(told.heard["note"])

    with pytest.raises(KeyboardInterrupt):
        run(roll, hands, told)
    assert closed.is_set()
    assert hands.done == ["open 1"]
    assert dict(roll.standings) == {"a": "unknown", "b": "old", "c": "old"}
    released.set()


def test_ctrl_c_cuts_a_pause_short() -> None:
    told = Told()
    interrupt_when(told.heard["pause"])

    assert run(a_roll(rolling=Rolling((Share(count=1),), pause=Pause(3600.0))), Hands(), told) == "interrupted"
    assert "pause failed 1 interrupted" in told.lines()


def test_ctrl_c_at_a_question_is_an_interruption() -> None:
    hands = Hands({"ask canary": fail(KeyboardInterrupt())})

    assert run(a_roll(rolling=Rolling((Share(count=1),), confirm_after="canary")), hands) == "interrupted"
    assert hands.done == ["open 1", "change a in 1", "close 1"]


@pytest.mark.parametrize("where", ["open 1", "change a in 1", "close 1", "undo a", "ask canary"])
def test_what_nobody_expected_ends_the_roll_and_is_raised(where: str) -> None:
    rolling = Rolling((Share(count=2), Share(count=1)), on_failure="rollback-all", confirm_after="canary")
    hands = Hands({where: fail(ZeroDivisionError("a bug"))})
    if where == "undo a":
        hands.during["close 1"] = fail(DeliverError("smoke"))
    roll = a_roll(rolling=rolling)

    with pytest.raises(ZeroDivisionError, match="a bug"):
        run(roll, hands)
    assert roll.outcome not in {None, "done"}
    assert "change c in 2" not in hands.done
    assert (roll.standings["a"] == "unknown") == (where in {"change a in 1", "undo a"})


def test_a_bug_does_not_cut_off_other_hosts() -> None:
    told, roll = Told(), a_roll(3)
    waiting = partial(told.heard["note"].wait, DEADLINE)

    with pytest.raises(ZeroDivisionError):
        run(roll, Hands({"change a in 1": fail(ZeroDivisionError()), "change b in 1": waiting}), told)
    assert roll.states["b"] == "done"


def test_a_story_that_cannot_be_told_ends_the_roll() -> None:
    class Full(Told):
        def tell(self, event: Event) -> None:
            raise OSError(28, "No space left on device", event.text)

    hands = Hands()
    roll = a_roll(1)

    with pytest.raises(OSError, match="No space"):
        drive(roll, hands, Full(), 8)
    assert roll.outcome == "interrupted"
    assert "change b in 2" not in hands.done


def test_a_broken_machine_does_not_hang() -> None:
    class Wrong(Hands):
        def change(self, host: str, batch: int) -> Result:
            return Result(f"{host}{batch}", "new")

    with pytest.raises(KeyError, match="a1"):
        run(a_roll(1), Wrong())


def test_it_leaves_no_threads() -> None:
    before = set(threading.enumerate())

    run(a_roll(3), Hands())

    assert set(threading.enumerate()) <= before


def test_a_thousand_hosts() -> None:
    bench.roll(1000, bench.POLICIES["canary, then quarters"])
