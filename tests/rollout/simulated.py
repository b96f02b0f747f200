"""A simulated fleet: hosts that are values, work that is a list of steps, and every fault that a roll meets.

Nothing sleeps: how long things take is the order in which the steps of what is under way come. The fleet itself fails
the test as soon as it is asked for more than it can bear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random

from deliver.config.schema import Rolling
from deliver.errors import DeliverError, NodeError, UnreachableError
from deliver.rollout.events import Result, Standing, Way
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
)

#: What a host runs; "" for nothing.
Version = str
#: The steps of work on a host; the last thing it says is its result.
Work = Iterator[Result | None]


@dataclass(frozen=True)
class Faults:
    """How likely each fault is, from 0 to 1, wherever it can happen."""

    unreachable: float = 0.0  # before anything was changed
    silent: float = 0.0  # the same, and it does not even say what it runs
    crashed: float = 0.0  # died by itself before anything was changed
    broken: float = 0.0  # does not come up
    flapping: float = 0.0  # comes up, and does not stay healthy
    lost: float = 0.0  # the answer; the work may go on over there
    undo: float = 0.0  # an undo fails
    hook: float = 0.0
    no: float = 0.0  # a person says no
    interrupt: float = 0.0
    death: float = 0.0  # of the operator's machine


@dataclass
class Machine:
    """One host, as it truly is."""

    name: str
    zone: str
    runs: Version
    hot: bool = False
    old: Version = ""
    #: What still happens over there after the connection was lost.
    left: Work | None = None
    #: Whether somebody may be wrong about it.
    is_lost: bool = False


@dataclass
class Fleet:
    """The hosts, and what is under way on them.

    Args:
        machines: by name.
        chance: decides all that is left to chance.
        faults: what goes wrong.
    """

    machines: dict[str, Machine]
    chance: Random
    faults: Faults
    served: set[str] = field(default_factory=set)
    allowed: int = 0

    def happens(self, likely: float) -> bool:
        return likely > 0 and self.chance.random() < likely

    def members(self, goal: Version) -> list[Member]:
        """What a survey finds: every host by what it runs, once nothing goes on there any more."""
        for machine in self.machines.values():
            self.settle(machine)
        return [Member(one.name, one.zone, self._way(one, goal)) for one in self.machines.values()]

    def begin(self) -> None:
        """A roll begins: hosts that serve now are those that it may miss only so many of."""
        self.served = {one.name for one in self.machines.values() if one.runs}
        for one in self.machines.values():
            one.is_lost = False
            one.old = one.runs or "1"

    def settle(self, machine: Machine) -> None:
        """Let end what still goes on over there: whoever comes next waits for it."""
        left, machine.left = machine.left, None
        for _ in left or ():
            pass
        machine.left = None

    def haunt(self, machine: Machine) -> None:
        """Let one more step happen of what still goes on over there."""
        if machine.left is not None and next(machine.left, self) is self:
            machine.left = None

    def put(self, machine: Machine, runs: Version) -> None:
        """Change what a host runs. This is where too many would be out."""
        if machine.runs and not runs:
            self._may_go(machine)
        machine.runs = runs

    def standing(self, machine: Machine, goal: Version) -> Standing:
        if not machine.runs:
            return "down"
        return "new" if machine.runs == goal else "old"

    def change(self, name: str, goal: Version) -> Work:
        """Bring a host to a version."""
        machine = self.machines[name]
        self.settle(machine)
        yield None
        untouched = self._untouched(machine, goal)
        if untouched is not None:
            yield untouched
            return
        yield from self._answering(machine, goal, self._turned(machine, goal, self.faults.broken), self.faults.flapping)

    def undo(self, name: str, goal: Version) -> Work:
        """Bring a host back to what it ran before the roll."""
        machine = self.machines[name]
        self.settle(machine)
        yield None
        broken = self.faults.undo
        if machine.runs and self.happens(broken):
            yield self._failed(machine, goal, UnreachableError("does not answer"), touched=False)
            return
        yield from self._answering(machine, goal, self._turned(machine, machine.old, broken), broken)

    def _untouched(self, machine: Machine, goal: Version) -> Result | None:
        error = UnreachableError("does not answer")
        if self.happens(self.faults.silent):
            machine.is_lost = True
            return Result(machine.name, "unknown", error=error, touched=False)
        if self.happens(self.faults.crashed):
            machine.runs = ""
        elif not self.happens(self.faults.unreachable):
            return None
        return self._failed(machine, goal, error, touched=False)

    def _way(self, machine: Machine, goal: Version) -> Way:
        if machine.runs == goal:
            return "none"
        if not machine.runs:
            return "start"
        return "hot" if machine.hot else "restart"

    def _turned(self, machine: Machine, version: Version, broken: float) -> Work:
        # Every step is one that the connection can be lost at.
        if machine.hot and machine.runs:
            yield None
            if not self.happens(broken):
                self.put(machine, version)
                return
            if self.happens(0.5):
                return
            yield None
        self.put(machine, "")
        yield None
        if not self.happens(broken):
            self.put(machine, version)
        yield None

    def _answering(self, machine: Machine, goal: Version, work: Work, flapping: float) -> Work:
        for step in work:
            if self.happens(self.faults.lost):
                machine.left = work
                machine.is_lost = True
                yield Result(machine.name, "unknown", error=NodeError("the connection was lost"))
                return
            yield step
        if not machine.runs:
            yield self._failed(machine, goal, NodeError("crashed at boot"))
        elif self.happens(flapping):
            yield self._failed(machine, goal, NodeError("does not stay healthy"))
        else:
            machine.is_lost = False
            yield Result(machine.name, self.standing(machine, goal), machine.runs)

    def _failed(self, machine: Machine, goal: Version, error: DeliverError, *, touched: bool = True) -> Result:
        machine.is_lost = False
        return Result(machine.name, self.standing(machine, goal), machine.runs, error=error, touched=touched)

    def _may_go(self, machine: Machine) -> None:
        out = [one.name for one in self.machines.values() if one.name in self.served and not one.runs]
        assert len(out) < self.allowed, f"{machine.name} goes down while {out} are out"
        mates = [one.name for one in self.machines.values() if one.zone and one.zone == machine.zone]
        others = [name for name in mates if name != machine.name and not self.machines[name].runs]
        assert not others, f"{machine.name} goes down while {others} of its zone are out"


class Operator:
    """Drives one roll on the fleet, one step of anything at a time, and watches that it keeps its promises."""

    def __init__(self, fleet: Fleet, goal: Version, rolling: Rolling, parallel: int, *, undoable: bool = True) -> None:
        self.fleet = fleet
        self.goal = goal
        self.rolling = rolling
        self.parallel = parallel
        self.members = fleet.members(goal)
        self.roll = Roll(self.members, rolling, parallel=parallel, undoable=undoable)
        self.commands: list[Command] = []
        self._hosts: dict[str, Work] = {}
        self._hooks: list[Happening] = []
        self._rest: Pause | Ask | None = None
        self._open: Batch | None = None
        self._widest = 0
        self._interrupted = False
        self._undo_failed = False
        fleet.begin()

    def run(self) -> str:
        """Run to the end, or to the operator's; return the outcome, empty for a death."""
        steps = 0
        limit = 100 * (len(self.members) + 1)
        self._obey(self.roll.begin())
        while self.roll.outcome is None:
            steps += 1
            assert steps < limit, "it does not end"
            if self.fleet.happens(self.fleet.faults.death):
                self._die()
                return ""
            self._step()
        assert isinstance(self.commands[-1], Finish)
        self._all_is_told()
        assert not {"working", "undoing"} & set(self.roll.states.values())
        return self.roll.outcome

    def _step(self) -> None:
        chance = self.fleet.chance
        if self.fleet.happens(self.fleet.faults.interrupt):
            self._interrupted = True
            self._rest = None
            self._obey(self.roll.on(Interrupted()))
            return
        todo: list[Callable[[], None]] = [partial(self._go_on, host) for host in self._hosts]
        todo += [self._hooked] * len(self._hooks) + [self._rested] * bool(self._rest)
        assert todo, "nothing is under way, and it is not over"
        haunted = [one for one in self.fleet.machines.values() if one.left is not None]
        chance.choice(todo + [partial(self.fleet.haunt, one) for one in haunted])()

    def _hooked(self) -> None:
        self._obey(self.roll.on(self._hooks.pop()))

    def _go_on(self, host: str) -> None:
        result = next(self._hosts[host])
        if result is not None:
            del self._hosts[host]
            undone = self.roll.states[host] == "undoing"
            self._obey(self.roll.on(Ended(result)))
            self._undo_failed |= undone and self.roll.states[host] == "undo failed"

    def _rested(self) -> None:
        rest, self._rest = self._rest, None
        no = self.fleet.happens(self.fleet.faults.no)
        self._obey(self.roll.on(Paused() if isinstance(rest, Pause) else Answered(not no)))

    def _obey(self, commands: Sequence[Command]) -> None:
        for command in commands:
            self.commands.append(command)
            assert self._rest is None, "something begins during a rest"
            self._check_interrupted(command)
            self._begin(command)

    def _begin(self, command: Command) -> None:
        fails = self.fleet.happens(self.fleet.faults.hook)
        match command:
            case Open(batch):
                assert self._open is None
                assert not self._hosts
                self._open = None if fails else batch
                self._hooks.append(Refused(batch, DeliverError("hook")) if fails else Opened(batch))
                self._opened(batch)
            case Close(batch):
                assert self._open == batch
                assert not self._hosts
                self._open = None
                self._hooks.append(Closed(batch, DeliverError("hook") if fails else None))
            case Change(host):
                assert self._open
                assert host in self._open.hosts
                self._work(host, self.fleet.change(host, self.goal))
            case Undo(host):
                self._undo(host)
            case Pause() | Ask():
                assert self._open is None
                self._rest = command
            case Finish():
                assert self._open is None
                assert not self._hosts

    def _opened(self, batch: Batch) -> None:
        zones = [self.fleet.machines[host].zone for host in batch.hosts]
        named = [zone for zone in zones if zone]
        assert len(named) == len(set(named)), "two hosts of a zone in one batch"
        self._widest = max(self._widest, len(batch.hosts))
        self.fleet.allowed = len(batch.hosts) + may_fail(self.rolling, len(self.members))

    def _undo(self, host: str) -> None:
        assert self.rolling.on_failure != "stop"
        result = self.roll.results[host]
        assert result.touched, "one that failed untouched is left alone"
        assert not (self._undo_failed and result.standing == "new"), "one that serves is touched after a failed undo"
        if self.rolling.on_failure == "rollback-all":
            self.fleet.allowed = self._widest + may_fail(self.rolling, len(self.members))
        self._work(host, self.fleet.undo(host, self.goal))

    def _work(self, host: str, work: Work) -> None:
        assert host not in self._hosts, "worked on twice at once"
        self._hosts[host] = work
        assert len(self._hosts) <= self.parallel

    def _check_interrupted(self, command: Command) -> None:
        assert not (self._interrupted and isinstance(command, Open | Change | Undo | Pause | Ask))

    def _die(self) -> None:
        # What was under way goes on over there, or does not; somebody else may find out.
        self._all_is_told()
        for host, work in self._hosts.items():
            machine = self.fleet.machines[host]
            if machine.left is None and self.fleet.happens(0.5):
                machine.left = work

    def _all_is_told(self) -> None:
        for name, machine in self.fleet.machines.items():
            told = self.roll.standings[name]
            nobody_knows = machine.is_lost or name in self._hosts
            assert told == ("unknown" if nobody_knows else self.fleet.standing(machine, self.goal)), name


def may_fail(rolling: Rolling, hosts: int) -> int:
    percent = rolling.max_failures_percent
    limits = [rolling.max_failures, None if percent is None else int(hosts * percent / 100)]
    return min([limit for limit in limits if limit is not None], default=0)
