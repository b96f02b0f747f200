"""Thousands of random histories of a simulated fleet; what always has to hold is asserted by the fleet itself."""

from __future__ import annotations

from random import Random

from hypothesis import event, given, settings
from hypothesis import strategies as st

from deliver.config.schema import Pause, Rolling, Share
from deliver.rollout.machine import Member, plan_batches
from tests.rollout.simulated import Faults, Fleet, Machine, Operator

shares = st.one_of(
    st.integers(1, 5).map(lambda count: Share(count=count)),
    st.sampled_from((10.0, 25.0, 50.0, 100.0)).map(lambda percent: Share(percent=percent)),
)
rollings = st.builds(
    Rolling,
    batches=st.lists(shares, min_size=1, max_size=3).map(tuple),
    pause=st.sampled_from((Pause(0.0), Pause(5.0))),
    max_failures=st.one_of(st.none(), st.integers(0, 3)),
    max_failures_percent=st.one_of(st.none(), st.integers(0, 60)),
    on_failure=st.sampled_from(("stop", "rollback-batch", "rollback-all")),
    confirm_after=st.sampled_from(("never", "canary", "batch")),
)
chances = st.sampled_from((0.0, 0.0, 0.05, 0.3))
rare = st.sampled_from((0.0, 0.0, 0.01, 0.05))
faults = st.builds(
    Faults,
    unreachable=chances,
    silent=rare,
    crashed=rare,
    broken=chances,
    flapping=chances,
    lost=rare,
    undo=chances,
    hook=rare,
    no=rare,
    interrupt=rare,
    death=rare,
)
machines = st.tuples(st.sampled_from(("", "", "x", "y", "z")), st.sampled_from(("1", "1", "2", "")), st.booleans())
zones = st.sampled_from(("", "", "x", "y"))
ways = st.sampled_from(("restart", "restart", "hot", "start", "none"))


#: Histories of each example: to run one costs less than to draw another example.
HISTORIES = 10
seeds = st.integers(0, 2**32).map(lambda first: range(first, first + HISTORIES))
made = st.lists(machines, min_size=1, max_size=12)


def a_fleet(seed: int, made: list[tuple[str, str, bool]], faults: Faults) -> Fleet:
    named = {f"h{at}": Machine(f"h{at}", zone, runs, hot=hot) for at, (zone, runs, hot) in enumerate(made)}
    return Fleet(named, Random(seed), faults)  # noqa: S311  # chance, not a secret


def ran(fleet: Fleet) -> set[str]:
    return {machine.runs for machine in fleet.machines.values()}


@settings(max_examples=300, deadline=None)
@given(
    seeds=seeds,
    made=made,
    faults=faults,
    rolling=rollings,
    parallel=st.integers(1, 6),
    goals=st.lists(st.sampled_from("12"), min_size=1, max_size=3),
)
def test_whatever_happens_the_promises_hold_and_without_faults_it_comes_to_its_end(
    seeds: range,
    made: list[tuple[str, str, bool]],
    faults: Faults,
    rolling: Rolling,
    parallel: int,
    goals: list[str],
) -> None:
    for seed in seeds:
        fleet = a_fleet(seed, made, faults)
        for goal in goals:
            event(Operator(fleet, goal, rolling, parallel).run() or "died")
        fleet.faults = Faults()

        outcome = Operator(fleet, goals[-1], rolling, parallel).run()

        assert outcome == "done"
        assert ran(fleet) == {goals[-1]}


@settings(max_examples=50, deadline=None)
@given(seeds=seeds, made=made, faults=faults, rolling=rollings)
def test_a_roll_that_cannot_go_back_undoes_nothing(
    seeds: range, made: list[tuple[str, str, bool]], faults: Faults, rolling: Rolling
) -> None:
    for seed in seeds:
        operator = Operator(a_fleet(seed, made, faults), "2", rolling, 4, undoable=False)

        operator.run()

        assert operator.roll.undos == {}


@settings(max_examples=50, deadline=None)
@given(seeds=seeds, made=made, rolling=rollings, hook=chances)
def test_a_failed_roll_that_goes_all_the_way_back_leaves_the_fleet_as_it_was(
    seeds: range, made: list[tuple[str, str, bool]], rolling: Rolling, hook: float
) -> None:
    up = [(zone, "1", hot) for zone, _, hot in made]
    back = Rolling(rolling.batches, on_failure="rollback-all")
    for seed in seeds:
        fleet = a_fleet(seed, up, Faults(unreachable=0.05, broken=0.2, flapping=0.1, hook=hook))

        outcome = Operator(fleet, "2", back, 4).run()

        event(outcome)
        assert ran(fleet) == {"2" if outcome == "done" else "1"}


@given(made=st.lists(st.tuples(zones, ways), max_size=30), rolling=rollings)
def test_batches_hold_every_host_once_and_are_as_full_as_zones_allow(
    made: list[tuple[str, str]], rolling: Rolling
) -> None:
    members = [Member(f"h{at}", zone, way) for at, (zone, way) in enumerate(made)]  # type: ignore[arg-type]
    zone_of = {member.host: member.zone for member in members}

    batches = plan_batches(members, rolling)

    planned = [host for batch in batches for host in batch.hosts]
    assert sorted(planned) == sorted(member.host for member in members if member.way != "none")
    assert [batch.number for batch in batches] == list(range(1, len(batches) + 1))
    for at, batch in enumerate(batches):
        taken = [zone_of[host] for host in batch.hosts if zone_of[host]]
        size = rolling.batches[min(at, len(rolling.batches) - 1)].of(len(members))
        later = {zone_of[host] for after in batches[at + 1 :] for host in after.hosts}
        assert len(taken) == len(set(taken))
        assert len(batch.hosts) <= size
        assert len(batch.hosts) == size or later <= set(taken)


@given(made=st.lists(ways, max_size=30), rolling=rollings)
def test_batches_keep_the_order_where_there_are_no_zones(made: list[str], rolling: Rolling) -> None:
    members = [Member(f"h{at}", way=way) for at, way in enumerate(made)]  # type: ignore[arg-type]

    planned = [host for batch in plan_batches(members, rolling) for host in batch.hosts]

    assert planned == [member.host for member in members if member.way != "none"]
