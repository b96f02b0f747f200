"""The tasks that bring a whole environment to a version, or restart it: planned, asked for, batch by batch, watched."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast, get_args

from deliver.cli.command import Run, command
from deliver.cli.options import seconds
from deliver.cli.output import aligned

if TYPE_CHECKING:
    from deliver.fleet.order import Order
    from deliver.fleet.plan import Plan, Task
    from deliver.fleet.rollout import Rollout
    from deliver.fleet.ways import Strategy

_PLAN = ("step", "host", "runs", "gets", "how", "why")
_ROWS = ("host", "state", "ran", "runs", "seconds")
_COMMON = {
    "host": "Only this host of the environment; may be repeated.",
    "role": "Only hosts with this role; may be repeated.",
    "plan": "Only show the plan: nothing is built, and nothing is changed.",
    "yes": "Go on without asking.",
    "unhealthy": "Begin also when hosts are not healthy.",
    "resume": "Go on with a roll that did not come to its end.",
    "lock_wait": "Seconds to wait while somebody else is at work.",
    "message": "Why, for whoever meets the environment's lock.",
}
_WAYS = {
    "strategy": "How: `auto` (each host the gentlest way), `hot`, `restart`, or `cold` (all stop, then all start).",
    "unproven": "Use a pair also when its rehearsal failed: the node may be restarted by it.",
    "probation": "Seconds to watch an upgraded node before it also boots the version; by default upgrade.probation.",
    "once_again": "Run this one-time command again, which began before and did not end; may be repeated.",
}
_LISTS = ("host", "role")


@dataclass
class _Planning:
    """Whether the tasks of this command line only plan; `plan` says so for those behind it."""

    on: bool = False


_planning = _Planning()


@command()
def plan(run: Run) -> None:
    """Show what the task behind it would do (plan release --tag v0.2.0 --to production); nothing is changed."""
    _planning.on = True
    run.out.note("plan only: nothing is built, and nothing is changed")


@command(
    help={
        "tag": "The tag, or the version that it stands for; it is built when the store lacks it.",
        "version": "A version of the store, or `latest`, in place of a tag.",
        "to": "The environment.",
        **_WAYS,
        **_COMMON,
    },
    iterable=(*_LISTS, "once_again"),
)
def release(
    run: Run,
    *,
    tag: str = "",
    version: str = "",
    to: str = "",
    strategy: str = "auto",
    unproven: bool = False,
    probation: str = "",
    host: Sequence[str] = (),
    role: Sequence[str] = (),
    once_again: Sequence[str] = (),
    plan: bool = False,
    yes: bool = False,
    unhealthy: bool = False,
    resume: bool = False,
    lock_wait: int = 0,
    message: str = "",
) -> None:
    """Bring an environment from a git tag to running nodes: build what lacks, then each host its gentlest way."""
    from deliver.errors import UsageError

    if not to or (tag and version) or not (tag or version or resume):
        raise UsageError("release needs --to, and --tag or --version", hint="as in --tag v0.2.0 --to staging")
    given = Given(to, strategy, probation, host, role, once_again, plan, yes, unhealthy, resume, lock_wait, message)
    _roll(run, "release", given, unproven=unproven, tag=tag, version=version)


@command(
    help={"from_": "The environment that runs and has passed it.", "to": "The environment.", **_WAYS, **_COMMON},
    iterable=(*_LISTS, "once_again"),
)
def promote(
    run: Run,
    *,
    from_: str = "",
    to: str = "",
    strategy: str = "auto",
    unproven: bool = False,
    probation: str = "",
    host: Sequence[str] = (),
    role: Sequence[str] = (),
    once_again: Sequence[str] = (),
    plan: bool = False,
    yes: bool = False,
    unhealthy: bool = False,
    resume: bool = False,
    lock_wait: int = 0,
    message: str = "",
) -> None:
    """Bring exactly what one environment runs, content for content, to another."""
    from deliver.errors import UsageError

    if not from_ or not to or from_ == to:
        raise UsageError("promote needs two environments", hint="--from staging --to production, for example")
    given = Given(to, strategy, probation, host, role, once_again, plan, yes, unhealthy, resume, lock_wait, message)
    _roll(run, "promote", given, unproven=unproven, origin=from_)


@command(
    help={"on": "The environment.", "strategy": "How: `restart`, or `cold` (all stop, then all start).", **_COMMON},
    iterable=_LISTS,
)
def rolling_restart(
    run: Run,
    *,
    on: str = "",
    strategy: str = "restart",
    host: Sequence[str] = (),
    role: Sequence[str] = (),
    plan: bool = False,
    yes: bool = False,
    unhealthy: bool = False,
    resume: bool = False,
    lock_wait: int = 0,
    message: str = "",
) -> None:
    """Restart the nodes of an environment batch by batch, each healthy again before the next."""
    from deliver.errors import UsageError

    if not on or strategy not in {"restart", "cold"}:
        raise UsageError("rolling-restart needs --on, and has the strategies restart and cold", hint="--on production")
    given = Given(on, strategy, "", host, role, (), plan, yes, unhealthy, resume, lock_wait, message)
    _roll(run, "rolling-restart", given)


@command(
    help={
        "on": "The environment.",
        "version": "The version to go back to; by default the last good one before this.",
        **{name: text for name, text in _WAYS.items() if name not in {"unproven", "once_again"}},
        **{name: text for name, text in _COMMON.items() if name not in {"unhealthy", "resume"}},
    },
    iterable=_LISTS,
)
def rollback(
    run: Run,
    *,
    on: str = "",
    version: str = "",
    strategy: str = "auto",
    probation: str = "",
    host: Sequence[str] = (),
    role: Sequence[str] = (),
    plan: bool = False,
    yes: bool = False,
    lock_wait: int = 0,
    message: str = "",
) -> None:
    """Take an environment back to one version: without a restart where that is proven, else by a rolling restart."""
    from deliver.errors import UsageError

    if not on:
        raise UsageError("rollback needs --on", hint="--on production, for example")
    given = Given(on, strategy, probation, host, role, (), plan, yes, True, False, lock_wait, message)  # noqa: FBT003
    _roll(run, "rollback", given, version=version)


@dataclass(frozen=True)
class Given:
    """What the options of a roll say."""

    environment: str
    strategy: str
    probation: str
    host: Sequence[str]
    role: Sequence[str]
    once_again: Sequence[str]
    plan: bool
    yes: bool
    unhealthy: bool
    resume: bool
    lock_wait: int
    message: str


@dataclass
class _Operator:
    """The person at the terminal.

    Args:
        run: the task's run.
        only_plans: whether nothing but the plan is wanted.
        yes: whether everything is agreed to.
    """

    run: Run
    only_plans: bool
    yes: bool

    def agrees(self, plan: Plan) -> bool:
        """Show the plan, and ask whether to go on."""
        if self.only_plans:
            self.run.out.table(_title(plan), _PLAN, plan.rows(), plan.to_json())
            return False
        self.run.out.note(f"{_title(plan)}\n{aligned(_PLAN, plan.rows())}")
        return plan.is_idle or self.confirms(f"{plan.task} on {plan.environment.name}: go on?")

    def confirms(self, question: str) -> bool:
        """Ask whether to go on."""
        return self.yes or self.run.out.ask(question)

    def masked(self, text: str) -> str:
        """Return a text with stars in place of secrets."""
        return self.run.out.mask(text)

    def sees(self, host: str, text: str, *, is_well: bool) -> None:
        """Show what became of a host."""
        self.run.out.step(host, text, "green" if is_well else "red")


def _roll(
    run: Run, task: Task, given: Given, *, unproven: bool = False, tag: str = "", version: str = "", origin: str = ""
) -> None:
    from deliver.fleet.rollout import Rollout
    from deliver.store.store import Store

    order = _order(run, task, given, unproven=unproven, tag=tag, version=version, origin=origin)
    operator = _Operator(run, given.plan or _planning.on, given.yes)
    rollout = Rollout(run.config, Store(run.config.store), run.out, order, operator)
    try:
        rollout.run()
    finally:
        _show(run, rollout)
    if not operator.only_plans:
        run.out.done(_end(rollout))


def _order(run: Run, task: Task, given: Given, *, unproven: bool, tag: str, version: str, origin: str) -> Order:
    from deliver.cli import select
    from deliver.fleet.order import Order

    environment = run.config.environment(given.environment)
    return Order(
        task,
        environment,
        select.hosts(environment, given.host, given.role),
        tag=tag,
        version=version,
        origin=run.config.environment(origin) if origin else None,
        strategy=_strategy(given.strategy),
        probation=seconds(given.probation, run.config.upgrade.probation),
        unproven=unproven,
        unhealthy=given.unhealthy,
        resumes=given.resume,
        once_again=tuple(given.once_again),
        lock_wait=given.lock_wait,
        message=given.message,
        command=tuple(sys.argv),
    )


def _strategy(word: str) -> Strategy:
    from deliver.errors import UsageError
    from deliver.fleet.ways import Strategy

    known = get_args(Strategy)
    if word not in known:
        raise UsageError(f"there is no strategy {word!r}", hint=f"there are: {', '.join(known)}")
    return cast("Strategy", word)


def _title(plan: Plan) -> str:
    what = f"to {plan.version}" if plan.version else "as they are"
    lines = [f"{plan.task} on {plan.environment.name}, {what}:"]
    lines += [f"  before that: {one}" for one in plan.lacks]
    lines += [f"  once {one.at} it: {name} ({one.run})" for name, one in plan.once]
    return "\n".join(lines)


def _show(run: Run, rollout: Rollout) -> None:
    from deliver.fleet.told import down_time

    rows = rollout.rows
    if not rows:
        return
    document = {
        "environment": rollout.order.environment.name,
        "version": rollout.plan.version if rollout.plan else "",
        "hosts": [
            {
                "host": row.host,
                "state": row.state,
                "from": row.old,
                "to": row.version,
                "seconds": round(row.seconds, 2),
                "milliseconds": row.milliseconds,
                "pause_milliseconds": row.pause,
                "out_of_service_seconds": round(row.gap, 2),
            }
            for row in rows
        ],
    }
    cells = [(row.host, row.state, row.old, row.version, round(row.seconds, 1)) for row in rows]
    run.out.table("", _ROWS, cells, document)
    for one in down_time(rows):
        run.out.note(one)


def _end(rollout: Rollout) -> str:
    from deliver.cli import select

    where = select.named(rollout.order.environment, rollout.order.hosts)
    if rollout.plan is not None and rollout.plan.is_idle:
        return f"nothing to do: {rollout.plan.version or 'what is there'} runs on {where}"
    report = f"\nreport: {rollout.page}" if rollout.page else ""
    versions = ", ".join(sorted({row.version for row in rollout.rows}))
    return f"{versions} runs on {where}, and is healthy{report}"
