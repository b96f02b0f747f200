"""Each rule of a roll by a case of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from deliver.config.schema import Pause as Seconds
from deliver.config.schema import Rolling, Share
from deliver.errors import DeliverError, NodeError
from deliver.rollout.events import Result, Standing
from deliver.rollout.machine import (
    Answered,
    Ask,
    Batch,
    Change,
    Close,
    Closed,
    Command,
    Ended,
    Finish,
    Happening,
    Interrupted,
    Member,
    Open,
    Opened,
    Pause,
    Paused,
    Refused,
    Roll,
    Undo,
    plan_batches,
)


def rolling(*sizes: int, **more: Any) -> Rolling:
    return Rolling(tuple(Share(count=size) for size in sizes), **more)


def members(text: str) -> list[Member]:
    """Read `a:zone+ b c:zone`: `+` has to be started, `-` has nothing to do."""
    made = []
    for word in text.split():
        name, _, zone = word.rstrip("+-").partition(":")
        made.append(Member(name, zone, "start" if word[-1] == "+" else "none" if word[-1] == "-" else "restart"))
    return made


def planned(text: str, *sizes: int) -> list[str]:
    return [" ".join(batch.hosts) for batch in plan_batches(members(text), rolling(*sizes))]


class Played:
    """A roll, played by hand: `play` answers the last commands in short words, and returns the next ones so.

    Args:
        text: the members, see `members`.
        how: the policy.
        options: of the Roll.
    """

    def __init__(self, text: str, how: Rolling, **options: Any) -> None:
        self.roll = Roll(members(text), how, **{"parallel": 8, **options})
        self.batch = Batch(0, ())

    def begin(self) -> str:
        return self._words(self.roll.begin())

    def play(self, *words: str) -> str:
        """Send several events; return what the last one brought."""
        commands: Sequence[Command] = []
        for word in words:
            commands = self.roll.on(self._event(word))
        return self._words(commands)

    def start(self, *words: str) -> str:
        self.begin()
        return self.play(*words)

    def _event(self, word: str) -> Happening:
        simple: dict[str, Happening] = {
            "opened": Opened(self.batch),
            "refused": Refused(self.batch, DeliverError("refused")),
            "closed": Closed(self.batch),
            "unclosed": Closed(self.batch, DeliverError("smoke")),
            "paused": Paused(),
            "yes": Answered(yes=True),
            "no": Answered(yes=False),
            "interrupted": Interrupted(),
        }
        return simple[word] if word in simple else Ended(result(word))

    def _words(self, commands: Sequence[Command]) -> str:
        return ", ".join(self._word(command) for command in commands)

    def _word(self, command: Command) -> str:
        name = type(command).__name__.lower()
        match command:
            case Open(batch) | Close(batch):
                self.batch = batch
                return f"{name} {' '.join(batch.hosts) if name == 'open' else batch.number}"
            case Change(host) | Undo(host):
                return f"{name} {host}"
            case Pause(seconds):
                return f"{name} {seconds:g}"
            case Ask(question):
                return f"{name} {question}"
            case Finish(outcome):
                return outcome


def result(word: str) -> Result:
    """Read `a`: well; `a!down`: failed, and is down; `a~old`: failed untouched, and is old; `a=old`: is back."""
    for mark, touched, failed in (("!", True, True), ("~", False, True), ("=", True, False)):
        if mark in word:
            host, _, standing = word.partition(mark)
            return Result(host, _standing(standing), error=NodeError("bad") if failed else None, touched=touched)
    return Result(word, "new")


def _standing(word: str) -> Standing:
    known: dict[str, Standing] = {"new": "new", "old": "old", "down": "down", "unknown": "unknown"}
    return known[word]


class TestBatches:
    def test_the_last_size_repeats(self) -> None:
        assert planned("a b c d e f", 1, 2) == ["a", "b c", "d e", "f"]

    def test_a_share_is_of_all_hosts_rounded_down(self) -> None:
        hosts = members("a b c d e f g- h- i-")
        shares = Rolling((Share(count=1), Share(percent=25.0)))

        assert [len(batch.hosts) for batch in plan_batches(hosts, shares)] == [1, 2, 2, 1]

    def test_a_share_is_at_least_one(self) -> None:
        assert len(plan_batches(members("a b"), Rolling((Share(percent=1.0),)))) == 2

    def test_hosts_with_nothing_to_do_are_in_none(self) -> None:
        assert planned("a- b c-", 2) == ["b"]
        assert planned("a- b-", 2) == []

    def test_batches_are_numbered_from_one(self) -> None:
        assert [batch.number for batch in plan_batches(members("a b"), rolling(1))] == [1, 2]

    def test_hosts_of_a_zone_take_turns(self) -> None:
        assert planned("a:x b:x c:y d:y e f", 3) == ["a c e", "b d f"]

    def test_a_batch_is_smaller_where_zones_leave_nobody(self) -> None:
        assert planned("a:x b:x c:x", 2) == ["a", "b", "c"]

    def test_hosts_that_are_down_keep_their_place(self) -> None:
        assert planned("a b c+", 1) == ["a", "b", "c"]

    def test_but_they_come_before_the_others_of_their_zone(self) -> None:
        assert planned("a:x b c:x+ d", 1) == ["b", "c", "a", "d"]


class TestTheWay:
    def test_batch_after_batch(self) -> None:
        played = Played("a b c", rolling(1, 2))

        assert played.begin() == "open a"
        assert played.play("opened") == "change a"
        assert played.play("a") == "close 1"
        assert played.play("closed") == "open b c"
        assert played.play("opened") == "change b, change c"
        assert played.play("c") == ""
        assert played.play("b") == "close 2"
        assert played.play("closed") == "done"

    def test_states_and_standings_on_the_way(self) -> None:
        played = Played("a b c+ d-", rolling(1))

        played.start("opened")

        assert dict(played.roll.states) == {"a": "working", "b": "waiting", "c": "waiting", "d": "done"}
        assert dict(played.roll.standings) == {"a": "unknown", "b": "old", "c": "down", "d": "new"}
        played.play("a")
        assert (played.roll.states["a"], played.roll.standings["a"]) == ("done", "new")

    def test_no_more_at_once_than_parallel(self) -> None:
        played = Played("a b c", rolling(3), parallel=2)

        assert played.start("opened") == "change a, change b"
        assert played.play("b") == "change c"
        assert played.play("a", "c") == "close 1"

    def test_nothing_to_do(self) -> None:
        assert Played("a- b-", rolling(1)).begin() == "done"

    def test_nothing_happens_after_the_end(self) -> None:
        played = Played("a", rolling(1))

        assert played.start("opened", "a", "closed") == "done"
        assert played.play("interrupted") == ""
        assert played.roll.outcome == "done"

    def test_what_hosts_are_can_be_said(self) -> None:
        roll = Roll(members("a- b"), rolling(1), parallel=1, standings={"a": "down"})

        assert dict(roll.standings) == {"a": "down", "b": "old"}


class TestPausesAndQuestions:
    def test_a_pause_is_between_batches_only(self) -> None:
        played = Played("a b", rolling(1, pause=Seconds(10.0)))

        assert played.start("opened", "a", "closed") == "pause 10"
        assert played.play("paused") == "open b"
        assert played.play("opened", "b", "closed") == "done"

    def test_a_person_is_asked_after_the_canary(self) -> None:
        played = Played("a b c", rolling(1, confirm_after="canary"))

        assert played.start("opened", "a", "closed") == "ask canary"
        assert played.play("yes") == "open b"
        assert played.play("opened", "b", "closed") == "open c"

    def test_a_person_is_asked_after_each_batch_but_the_last(self) -> None:
        played = Played("a b c", rolling(1, confirm_after="batch"))

        assert played.start("opened", "a", "closed") == "ask batch"
        assert played.play("yes", "opened", "b", "closed") == "ask batch"
        assert played.play("yes", "opened", "c", "closed") == "done"

    def test_a_pause_follows_a_yes(self) -> None:
        played = Played("a b", rolling(1, confirm_after="canary", pause=Seconds(1.0)))

        played.start("opened", "a", "closed")

        assert played.play("yes") == "pause 1"
        assert played.play("paused") == "open b"

    def test_a_no_ends_it_and_undoes_nothing(self) -> None:
        played = Played("a b", rolling(1, confirm_after="canary", on_failure="rollback-all"))

        assert played.start("opened", "a", "closed", "no") == "declined"
        assert dict(played.roll.standings) == {"a": "new", "b": "old"}


class TestFailures:
    def test_one_more_than_may_fail_stops_it(self) -> None:
        played = Played("a b c d", rolling(1, max_failures=1))

        assert played.start("opened", "a!down") == "close 1"
        assert played.play("closed", "opened", "b!down") == "close 2"
        assert played.play("closed") == "failed"
        assert played.roll.states["c"] == "waiting"

    def test_it_is_checked_after_each_host(self) -> None:
        played = Played("a b c", rolling(3), parallel=1)

        played.start("opened")

        assert played.play("a!down") == "close 1"
        assert played.play("closed") == "failed"

    def test_what_is_under_way_ends(self) -> None:
        played = Played("a b c", rolling(3), parallel=2)

        played.start("opened")

        assert played.play("a!down") == ""
        assert played.play("b") == "close 1"
        assert played.roll.states["b"] == "done"

    @pytest.mark.parametrize(("percent", "tolerated"), [(None, 2), (10, 0), (25, 1), (60, 2)])
    def test_the_smaller_limit_counts(self, percent: int | None, tolerated: int) -> None:
        played = Played("a b c d e-", rolling(4, max_failures=2, max_failures_percent=percent), parallel=1)

        played.start("opened", *(f"{host}~old" for host in "abcd"[:tolerated]))

        assert played.play(f"{'abcd'[tolerated]}~old") == "close 1"
        assert played.roll.states["d"] == "waiting"

    def test_a_roll_with_a_tolerated_failure_goes_on_and_is_not_done(self) -> None:
        played = Played("a b", rolling(1, max_failures=1))

        assert played.start("opened", "a!down", "closed", "opened", "b", "closed") == "failed"
        assert played.roll.standings["b"] == "new"

    @pytest.mark.parametrize("end", ["a!down", "a!unknown", "a~unknown"])
    def test_hosts_of_a_zone_wait_for_one_that_is_out(self, end: str) -> None:
        played = Played("a:x b:x c", rolling(1, max_failures=1))

        assert played.start("opened", end, "closed") == "open c"
        assert played.play("opened", "c", "closed") == "failed"
        assert played.roll.states["b"] == "waiting"
        assert played.roll.held == {"b": "a"}

    @pytest.mark.parametrize("end", ["a!new", "a!old", "a~old"])
    def test_but_not_for_one_that_failed_and_serves(self, end: str) -> None:
        assert Played("a:x b:x", rolling(1, max_failures=1)).start("opened", end, "closed") == "open b"

    def test_a_batch_opens_without_those_that_wait(self) -> None:
        played = Played("a:x b:x c", rolling(1, 2, max_failures=1))

        assert played.start("opened", "a!down", "closed") == "open c"
        assert played.roll.batches[1].hosts == ("b", "c")

    def test_one_that_is_down_does_not_wait(self) -> None:
        played = Played("a:x+ b:x+", rolling(1, max_failures=1))

        assert played.begin() == "open a"
        assert played.play("opened", "a!down", "closed") == "open b"

    def test_a_host_out_that_is_not_part_of_the_roll_counts(self) -> None:
        played = Played("a:x- b:x", rolling(1), standings={"a": "down"})

        assert played.begin() == "failed"
        assert played.roll.held == {"b": "a"}

    def test_a_hook_before_a_batch_refuses_it(self) -> None:
        played = Played("a b", rolling(1))

        assert played.start("opened", "a", "closed", "refused") == "refused"
        assert str(played.roll.hook_error) == "refused"
        assert played.roll.states["b"] == "waiting"

    def test_a_hook_after_a_batch_stops_it(self) -> None:
        played = Played("a b", rolling(1))

        assert played.start("opened", "a", "unclosed") == "failed"
        assert str(played.roll.hook_error) == "smoke"

    def test_a_hook_after_the_last_batch_counts_too(self) -> None:
        assert Played("a", rolling(1)).start("opened", "a", "unclosed") == "failed"


class TestRollbackOfABatch:
    def how(self, *sizes: int, **more: Any) -> Rolling:
        return rolling(*sizes, on_failure="rollback-batch", **more)

    def test_touched_hosts_of_the_batch_go_back_and_those_that_are_down_first(self) -> None:
        played = Played("a b c d", self.how(1, 3))

        played.start("opened", "a", "closed", "opened", "b", "c!down")

        assert played.play("d!new") == "undo c"
        assert played.play("c=old") == "undo d"
        assert played.play("d=old") == "undo b"
        assert played.play("b=old") == "close 2"
        assert played.play("closed") == "failed"
        assert dict(played.roll.standings) == {"a": "new", "b": "old", "c": "old", "d": "old"}
        assert played.roll.states["b"] == "undone"
        assert played.roll.results["c"].error is not None
        assert played.roll.undos["c"].standing == "old"

    def test_no_wider_at_once_than_hosts_are_worked_on(self) -> None:
        played = Played("a b c", self.how(3), parallel=2)

        played.start("opened", "a", "b", "c!new")

        assert played.play("c=old") == "undo a, undo b"

    def test_one_that_failed_untouched_is_left_alone(self) -> None:
        played = Played("a b", self.how(2))

        assert played.start("opened", "a", "b~old") == "undo a"
        assert played.play("a=old") == "close 1"

    def test_one_that_is_as_before_is_left_alone(self) -> None:
        assert Played("a", self.how(1)).start("opened", "a!old") == "close 1"

    def test_after_an_undo_that_failed_none_that_serves_is_touched(self) -> None:
        played = Played("a b c", self.how(3), parallel=1)

        played.start("opened", "a", "b", "c!down")

        assert played.play("c!down") == "close 1"
        assert played.roll.states["c"] == "undo failed"
        assert played.roll.standings["a"] == "new"

    def test_but_those_that_are_out_already_are_tried(self) -> None:
        played = Played("a b c", self.how(3))

        played.start("opened", "a!down", "b!unknown", "c")

        assert played.play("a!down") == ""
        assert played.play("b=old") == "close 1"

    def test_a_hook_after_the_batch_sends_it_back(self) -> None:
        played = Played("a b", self.how(1))

        assert played.start("opened", "a", "unclosed") == "undo a"
        assert played.play("a=old") == "failed"

    def test_a_refused_batch_has_nothing_to_go_back(self) -> None:
        assert Played("a b", self.how(1)).start("opened", "a", "closed", "refused") == "refused"

    def test_hosts_out_elsewhere_leave_less_room(self) -> None:
        played = Played("a b c d", self.how(1, 3))

        played.start("opened", "a", "closed", "opened", "b", "c~unknown")

        assert played.play("d~unknown") == "undo b"
        assert played.play("b=old") == "close 2"

    def test_without_an_old_version_nothing_goes_back(self) -> None:
        assert Played("a", self.how(1), undoable=False).start("opened", "a!down") == "close 1"


class TestRollbackOfAll:
    def how(self, *sizes: int, **more: Any) -> Rolling:
        return rolling(*sizes, on_failure="rollback-all", **more)

    def test_failed_ones_first_then_batch_by_batch_from_the_last(self) -> None:
        played = Played("a b c d e", self.how(1, 2))

        played.start("opened", "a", "closed", "opened", "b", "c", "closed", "opened", "d")

        assert played.play("e!down") == "undo e"
        assert played.play("e=old") == "undo d"
        assert played.play("d=old") == "undo b, undo c"
        assert played.play("b=old") == ""
        assert played.play("c=old") == "undo a"
        assert played.play("a=old") == "close 3"
        assert played.play("closed") == "failed"
        assert set(played.roll.standings.values()) == {"old"}

    def test_tolerated_failures_go_back_too(self) -> None:
        played = Played("a b", self.how(1, max_failures=1))

        played.start("opened", "a!down", "closed", "opened")

        assert played.play("b!down") == "undo a"
        assert played.play("a=old") == "undo b"

    def test_a_refused_batch_sends_all_back(self) -> None:
        played = Played("a b", self.how(1))

        assert played.start("opened", "a", "closed", "refused") == "undo a"
        assert played.play("a=old") == "refused"

    def test_hosts_that_are_out_and_left_alone_leave_less_room(self) -> None:
        played = Played("a b c d", self.how(2))

        played.start("opened", "a", "b", "closed", "opened", "c~unknown")

        assert played.play("d~unknown") == "close 2"
        assert played.roll.standings["a"] == "new"

    def test_hosts_that_were_down_before_do_not(self) -> None:
        played = Played("a b+ c+", self.how(1, 2))

        played.start("opened", "a", "closed", "opened", "b~down")

        assert played.play("c~down") == "undo a"

    def test_no_host_of_a_zone_goes_back_while_another_is_out(self) -> None:
        played = Played("a:x b:x c", self.how(1))

        played.start("opened", "a", "closed", "opened")

        assert played.play("b~unknown") == "close 2"
        assert dict(played.roll.standings) == {"a": "new", "b": "unknown", "c": "old"}

    def test_failed_hosts_of_a_zone_that_serve_go_back_in_turns(self) -> None:
        played = Played("a:x b:x c", self.how(1, 2, max_failures=1))

        played.start("opened", "a!new", "closed", "opened", "b!new")

        assert played.play("c") == "undo a"
        assert played.play("a=old") == "undo b"
        assert played.play("b=old") == "undo c"

    def test_one_that_was_down_before_may_stay_so(self) -> None:
        played = Played("a+", self.how(1))

        assert played.start("opened", "a!down") == "undo a"
        assert played.play("a=down") == "close 1"
        assert played.roll.states["a"] == "undone"


class TestInterruption:
    def how(self, *sizes: int, **more: Any) -> Rolling:
        return rolling(*sizes, on_failure="rollback-all", **more)

    def test_what_is_under_way_ends_and_nothing_is_undone(self) -> None:
        played = Played("a b c", self.how(3), parallel=2)

        assert played.start("opened", "interrupted") == ""
        assert played.play("a") == ""
        assert played.play("b!down") == "close 1"
        assert played.play("closed") == "interrupted"
        assert played.roll.states["c"] == "waiting"

    def test_while_a_batch_opens(self) -> None:
        played = Played("a", self.how(1))

        assert played.start("interrupted", "opened") == "close 1"
        assert played.play("closed") == "interrupted"

    def test_while_a_batch_is_refused(self) -> None:
        assert Played("a", self.how(1)).start("interrupted", "refused") == "interrupted"

    def test_while_a_batch_closes(self) -> None:
        assert Played("a b", self.how(1)).start("opened", "a", "interrupted", "closed") == "interrupted"

    def test_during_a_pause(self) -> None:
        played = Played("a b", self.how(1, pause=Seconds(1.0)))

        assert played.start("opened", "a", "closed", "interrupted") == "interrupted"
        assert played.play("paused") == ""

    def test_after_a_pause(self) -> None:
        played = Played("a b", self.how(1, pause=Seconds(1.0)))

        assert played.start("opened", "a", "closed", "paused", "interrupted") == ""
        assert played.play("opened") == "close 2"

    def test_at_a_question(self) -> None:
        played = Played("a b", self.how(1, confirm_after="batch"))

        assert played.start("opened", "a", "closed", "interrupted") == "interrupted"
        assert played.play("yes") == ""

    def test_too_late_to_matter(self) -> None:
        assert Played("a", self.how(1)).start("opened", "interrupted", "a", "closed") == "done"

    def test_no_further_undo_begins(self) -> None:
        played = Played("a b", self.how(1))

        played.start("opened", "a", "closed", "opened", "b!down", "interrupted")

        assert played.play("b=old") == "close 2"
        assert played.play("closed") == "interrupted"
        assert played.roll.standings["a"] == "new"

    def test_between_a_failure_and_its_undoing(self) -> None:
        played = Played("a b", self.how(2))

        played.start("opened", "a!down", "interrupted")

        assert played.play("b") == "close 1"
        assert played.play("closed") == "interrupted"

    def test_of_the_last_undo(self) -> None:
        played = Played("a", self.how(1))

        assert played.start("opened", "a!down", "interrupted", "a=old") == "close 1"
        assert played.play("closed") == "failed"
