"""Deliver, an sshd or a node killed, or the network cut, at every step of a roll through three hosts.

Whatever was killed, what deliver says of the hosts is true; the roll goes on where it stopped, or back; and in the end
every host runs the one version, healthy, in service, restarted no more often than it had to be.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from tests.hosts import Fleet
from tests.rollout.blows import Point, Range, Truth
from tests.upgrade.desk import ALL, Desk, Done
from tests.upgrade.mill import Version
from tests.upgrade.works import Works

pytestmark = [pytest.mark.hosts, pytest.mark.slow]

VERSIONS = ("0.1.0", "0.2.0")
#: How hosts are brought from one to the other.
WAYS = {"restart": ("--strategy", "restart"), "hot": ("--probation", "0.5")}

#: All steps of a roll: with one host done, one under way, and one not begun.
BEFORE: tuple[Point, ...] = (
    ("before_roll", "prod1"),
    ("first", "prod1"),
    ("before_batch", "prod2"),
    ("before_host", "prod2"),
)
DOWN: tuple[Point, ...] = (("drain", "prod2"), ("stop", "prod2"), ("start", "prod2"))
UP: tuple[Point, ...] = (("upgrade", "prod2"), ("probation", "prod2"))
AFTER: tuple[Point, ...] = (
    ("after_host", "prod2"),
    ("after_batch", "prod2"),
    ("last", "prod3"),
    ("after_roll", "prod1"),
)
HEALTH: Point = ("health", "prod2")
UNDRAIN: Point = ("undrain", "prod2")
STEPS = {"restart": (*BEFORE, *DOWN, HEALTH, UNDRAIN, *AFTER), "hot": (*BEFORE, *UP, HEALTH, *AFTER)}

#: What goes back in CI; KILLS=all in the environment goes back, and on, from every step, however it was struck.
BACK = (("restart", "deliver", ("stop", "prod2")),)
ON = (("hot", "network", ("upgrade", "prod2")),)
#: What is killed at each step of a roll in CI; all else with KILLS=all.
KILLED = (("restart", "deliver"), ("hot", "sshd"))
BLOWS = ("deliver", "sshd", "node", "network", "laptop")
EACH = tuple((way, what, point) for way in WAYS for what in BLOWS for point in STEPS[way])
IS_WHOLE = os.environ.get("KILLS") == "all"


@dataclass
class Trip:
    """All hosts on their way from one version to the other.

    Args:
        range: where.
        way: how.
        old: the version that they run before.
        goal: the one that they are to run.
        now: what was true of them when they were last looked at.
    """

    range: Range
    way: str
    old: str
    goal: str
    now: Mapping[str, Truth]
    _done: dict[str, Truth] = field(default_factory=dict)

    def begin(self, *more: str) -> subprocess.Popen[str]:
        """Begin a roll there."""
        return self.range.begin("release", "--version", self.goal, "--to", "production", *WAYS[self.way], *more)

    def end(self, process: subprocess.Popen[str], goal: str = "") -> Done:
        """Let a roll end, and hold what it says against what is true."""
        done = self.range.desk.end(process)
        assert done.code >= 0, done
        self.now = self.range.check(done, self.now, goal or self.goal)
        return done

    def struck(self, process: subprocess.Popen[str], what: str, point: Point) -> bool:
        """Let a blow fall on a roll that has come to a step; whether the roll goes on."""
        self.range.strike(what, process, point)
        self.range.open(point)
        if what != "deliver":
            return True
        assert self.range.desk.end(process).code == -signal.SIGKILL
        self.now = self.range.settled()
        return False

    def none_again(self) -> None:
        """Check that a host which was brought to the goal is not restarted any more."""
        for name, one in self.now.items():
            if one.pid and one.version == one.boots == self.goal:
                assert self._done.setdefault(name, one).pid == one.pid, name

    def arrived(self) -> None:
        """Check that all hosts are there, in service, and that the one-time commands were run once."""
        assert self.range.is_whole(self.now, self.goal), self.now
        assert (self.range.came("first"), self.range.came("last")) == (["prod1"], ["prod3"])
        self.range.readable()


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """The mill in two versions, with the way between them."""
    works = Works.make(tmp_path_factory.mktemp("mill"), map(Version, VERSIONS), ())
    works.link(VERSIONS)
    yield works
    works.pool.shutdown()


@pytest.fixture(scope="module")
def ground(session_fleet: Fleet, works: Works, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Range]:
    """Three hosts that stay as one test leaves them for the next."""
    desk = Desk(tmp_path_factory.mktemp("desk"), session_fleet, "mill", 4200, works.store)
    yield Range(desk)
    session_fleet.mend()


@pytest.fixture
def place(ground: Range) -> Iterator[Range]:
    """All hosts run one version, and are in service."""
    ground.prepare(VERSIONS[0])
    yield ground
    ground.open_all()
    ground.end_all()


def trip(place: Range, way: str) -> Trip:
    """Return a trip to the version that hosts do not run."""
    now = place.truth()
    old = now["prod1"].version
    return Trip(place, way, old, next(one for one in VERSIONS if one != old), now)


@pytest.mark.parametrize(("way", "what"), [(way, what) for way in WAYS for what in BLOWS] if IS_WHOLE else KILLED)
def test_a_roll_gets_there_whatever_is_killed_at_each_of_its_steps(place: Range, way: str, what: str) -> None:
    points = STEPS["restart"] if way == "restart" else (*UP, HEALTH)
    one = trip(place, way)
    place.close(points)
    process = one.begin()
    for number, point in enumerate(points):
        more = ("--resume",) if number % 2 else ()
        if not place.reach(process, point, one.goal):
            assert what == "node", place.desk.end(process).told
            assert one.end(process).code
            process = one.begin(*more)
            assert place.reach(process, point, one.goal), place.desk.end(process).told
        if not one.struck(process, what, point):
            one.none_again()
            process = one.begin(*more)
    if one.end(process).code:
        assert what == "node"
        assert one.end(one.begin("--resume")).code == 0
    if what != "node":
        one.none_again()
    one.arrived()


@pytest.mark.parametrize(("way", "what", "point"), EACH if IS_WHOLE else BACK)
def test_what_was_struck_goes_back(place: Range, way: str, what: str, point: Point) -> None:
    one = trip(place, way)
    before = one.now
    strike(one, what, point)
    kept = {name for name in ALL if one.now[name] == before[name]}
    back = ("rollback", "--on", "production", "--version", one.old, *WAYS[way])
    done = one.end(place.begin(*back), one.old)
    assert done.code == 0, done.told
    assert place.is_whole(one.now, one.old)
    assert {name for name in kept if one.now[name] != before[name]} == set()
    place.readable()


@pytest.mark.parametrize(("way", "what", "point"), EACH if IS_WHOLE else ON)
@pytest.mark.parametrize("more", [("--resume",), ()] if IS_WHOLE else [("--resume",)])
def test_what_was_struck_goes_on(place: Range, way: str, what: str, point: Point, more: tuple[str, ...]) -> None:
    one = trip(place, way)
    strike(one, what, point)
    done = one.end(one.begin(*more))
    assert done.code == 0, done.told
    assert place.is_whole(one.now, one.goal)
    place.readable()


def strike(one: Trip, what: str, point: Point) -> None:
    """Let a blow fall on a roll, and let it end."""
    one.range.close([point])
    process = one.begin()
    assert one.range.reach(process, point, one.goal)
    if one.struck(process, what, point):
        one.end(process)


def test_rolling_restarts_that_are_killed_go_on_with_the_hosts_that_are_left(place: Range) -> None:
    before = place.truth()
    line = ("rolling-restart", "--on", "production")
    points = [("after_batch", "prod1"), UNDRAIN]
    place.close(points)
    for point, more in zip(points, ((), ("--resume",)), strict=True):
        process = place.begin(*line, *more)
        assert place.reach(process, point, "")
        process.kill()
        place.open(point)
        place.desk.end(process)
    now = place.settled()
    done = place.desk.end(place.begin(*line, "--resume"))
    after = place.check(done, now, before["prod1"].version)
    assert [after[name].pid == now[name].pid for name in ALL] == [True, True, False], done.told
    assert not {one.pid for one in after.values()} & {one.pid for one in before.values()}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM] if IS_WHOLE else [signal.SIGTERM])
def test_a_roll_that_is_interrupted_ends_what_is_under_way_and_says_where_it_stands(
    place: Range, number: signal.Signals
) -> None:
    one = trip(place, "restart")
    point = ("drain", "prod2")
    place.close([point])
    process = one.begin()
    assert place.reach(process, point, one.goal)
    process.send_signal(number)
    place.open(point)
    done = one.end(process)
    assert done.code == 128 + number
    assert done.states == {"prod1": "restarted", "prod2": "restarted", "prod3": "not touched"}
    assert place.came("on_failure") == ["prod1"]
    assert one.end(place.begin(*done.command)).code == 0
    one.arrived()


def test_a_lock_host_that_reboots_in_the_middle_does_not_leave_the_roll_without_a_lock(place: Range) -> None:
    one = trip(place, "restart")
    points = [("before_host", "prod2"), ("before_host", "prod3")]
    place.close(points)
    process = one.begin()
    assert place.reach(process, points[0], one.goal)
    assert place.locks() == ["prod1 production"]
    place.desk.fleet["prod1"].down()
    place.open(points[0])
    assert place.reach(process, points[1], one.goal)
    assert "prod2 production" in place.locks()
    place.desk.fleet["prod1"].up()
    place.open(points[1])
    done = one.end(process)
    assert "taking the lock of production again" in done.flat
    assert (done.code, done.states) == (3, {"prod1": "down", "prod2": "restarted", "prod3": "restarted"}), done.told
    assert one.end(one.begin("--resume")).code == 0
    one.arrived()


def test_one_of_two_operators_leaves_and_a_dead_one_is_in_nobodys_way(place: Range) -> None:
    one = trip(place, "hot")
    point = ("before_host", "prod2")
    place.close([point])
    process = one.begin()
    assert place.reach(process, point, one.goal)
    other = place.desk.end(place.begin("rolling-restart", "--on", "production"))
    assert other.code == 75, other.told
    assert f"release {one.goal}, process {process.pid}" in other.flat
    assert place.came("on_failure") == []
    one.struck(process, "deliver", point)
    assert one.end(one.begin()).code == 0
    one.arrived()


def test_a_person_keeps_others_out_until_they_unlock(place: Range) -> None:
    one = trip(place, "hot")
    assert place.desk.deliver("lock", "--on", "production", "--message", "the fair").code == 0
    refused = place.desk.end(one.begin())
    assert refused.code == 75
    assert "the fair" in refused.told
    assert place.came("on_failure") == []
    assert place.truth() == one.now
    assert place.desk.deliver("unlock", "--on", "production").code == 0
    assert one.end(one.begin()).code == 0
    one.arrived()
