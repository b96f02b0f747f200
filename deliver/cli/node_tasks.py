"""The tasks about running nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from deliver.cli import node_tables as tables
from deliver.cli.command import Run, command

if TYPE_CHECKING:
    from deliver.config.schema import Environment, Host
    from deliver.node.facts import Facts
    from deliver.remote.fleet import Outcome
    from deliver.remote.session import Session

T = TypeVar("T")

_ON = "The environment."
_HOST = "Only this host of the environment; may be repeated."
_ROLE = "Only hosts with this role; may be repeated."
_WHERE = {"on": _ON, "host": _HOST, "role": _ROLE}
_MANY = ("host", "role")


@command(help=_WHERE, iterable=_MANY)
def ping(run: Run, *, on: str = "", host: Sequence[str] = (), role: Sequence[str] = ()) -> None:
    """Ask every node for a sign of life; fails unless all answer."""
    from deliver.errors import NodeError
    from deliver.remote.fleet import raise_failures

    _, hosts = _chosen(run, on, host, role, secrets=False)
    outcomes = _gather(run, hosts)
    rows = [tables.pong(outcome) for outcome in outcomes]
    run.out.table("", ["host", "answer"], rows, [dict(zip(("host", "answer"), row, strict=True)) for row in rows])
    hint = f"see more with: status --on {on}"
    raise_failures([tables.silent(outcome, NodeError(f"{outcome.name}: no answer", hint=hint)) for outcome in outcomes])


@command(help=_WHERE, iterable=_MANY)
def version(run: Run, *, on: str = "", host: Sequence[str] = (), role: Sequence[str] = ()) -> None:
    """Show which version every host runs, which it boots next, and which it has."""
    from deliver.remote.fleet import raise_failures

    _, hosts = _chosen(run, on, host, role, secrets=False)
    outcomes = _gather(run, hosts)
    rows = [tables.versions(outcome) for outcome in outcomes]
    documents = [tables.versions_document(outcome) for outcome in outcomes]
    run.out.table("", ["host", "runs", "boots", "has"], rows, documents)
    raise_failures(outcomes)


@command(help=_WHERE, iterable=_MANY)
def status(run: Run, *, on: str = "", host: Sequence[str] = (), role: Sequence[str] = ()) -> None:
    """Show how every node is: its state, version, uptime, memory, processes."""
    from deliver.remote.fleet import raise_failures

    _, hosts = _chosen(run, on, host, role, secrets=False)
    outcomes = _gather(run, hosts)
    rows = [tables.status(outcome) for outcome in outcomes]
    documents = [tables.status_document(outcome) for outcome in outcomes]
    run.out.table("", ["host", "state", "version", "uptime", "memory", "processes", "pid", "node"], rows, documents)
    for outcome in outcomes:
        if outcome.value is not None and outcome.value.silence:
            run.out.warn(f"{outcome.name}: the node does not answer: {outcome.value.silence}")
    _show_lock(run, on, outcomes)
    _show_unended(run, outcomes)
    raise_failures(outcomes)


def _show_lock(run: Run, environment: str, outcomes: Sequence[Outcome[Facts]]) -> None:
    from deliver.rollout.lock import Found, Holder, told

    for outcome in outcomes:
        if outcome.value is not None and environment in outcome.value.locks:
            holder = Holder.read(outcome.value.locks[environment])
            run.out.note(told(environment, Found(outcome.name, holder)))


def _show_unended(run: Run, outcomes: Sequence[Outcome[Facts]]) -> None:
    for outcome in outcomes:
        told = tables.unended(outcome.value) if outcome.value is not None else ""
        if told:
            run.out.warn(f"{outcome.name}: {told}")


@command(help=_WHERE, iterable=_MANY)
def start(run: Run, *, on: str = "", host: Sequence[str] = (), role: Sequence[str] = ()) -> None:
    """Start the nodes, and wait until each answers with all its applications running."""
    from deliver.node import control

    environment, hosts = _chosen(run, on, host, role)

    def work(one: Host, session: Session) -> str:
        started = control.start(session, one, environment, run.config.app)
        state = f"runs {started.version}{' already' if started.already else ''}"
        run.out.step(one.name, state)
        return state

    _change(run, environment, hosts, work, "all nodes run")


@command(
    help={**_WHERE, "kill": "Kill a node that does not answer, or does not end within stop_timeout."}, iterable=_MANY
)
def stop(run: Run, *, on: str = "", host: Sequence[str] = (), role: Sequence[str] = (), kill: bool = False) -> None:
    """Stop the nodes, and wait until their processes are gone."""
    from deliver.node import control

    environment, hosts = _chosen(run, on, host, role)

    def work(one: Host, session: Session) -> str:
        how = control.stop(session, one, environment, run.config.app, kill=kill).how
        state = "did not run" if how == "down" else how
        run.out.step(one.name, state)
        return state

    _change(run, environment, hosts, work, "no node runs")


@command(
    help={**_WHERE, "kill": "Kill a node that does not answer, or does not end within stop_timeout."}, iterable=_MANY
)
def restart(run: Run, *, on: str = "", host: Sequence[str] = (), role: Sequence[str] = (), kill: bool = False) -> None:
    """Stop and start the nodes, host after host, no further than the first failure."""
    from deliver.cli import select
    from deliver.remote.fleet import values
    from deliver.rollout.restart import restart as restart_all
    from deliver.ship.crew import Crew

    environment, hosts = _chosen(run, on, host, role)
    states = {one.name: "not touched" for one in hosts}
    with Crew(run.config.ssh, run.out, run.config.app) as crew:
        sites = values(crew.reach(hosts))
        crew.refuse_locked(environment, sites)
        pairs = [(site.host, site.session) for site in sites]
        try:
            restart_all(pairs, environment, run.config.app, run.out, states.__setitem__, kill=kill)
        finally:
            run.out.table("", ["host", "state"], list(states.items()), tables.states(states))
    run.out.done(f"{select.named(environment, hosts)}: all nodes were restarted")


@command(
    help={
        **_WHERE,
        "expr": "The code: Elixir where the node has it, else Erlang.",
        "elixir": "The code is Elixir.",
        "erlang": "The code is Erlang.",
        "deadline": "Seconds after which the evaluation is ended.",
    },
    iterable=_MANY,
    positional=("expr",),
)
def rpc(
    run: Run,
    *,
    expr: str = "",
    on: str = "",
    host: Sequence[str] = (),
    role: Sequence[str] = (),
    elixir: bool = False,
    erlang: bool = False,
    deadline: float = 60.0,
) -> None:
    """Evaluate code on every node, and show what it prints and comes to."""
    from deliver.errors import NodeError
    from deliver.node.call import Result, evaluate
    from deliver.remote.fleet import Outcome, raise_failures

    _, hosts = _chosen(run, on, host, role, secrets=False)
    language = tables.language(elixir=elixir, erlang=erlang)

    def work(one: Host, session: Session) -> Result:
        return evaluate(session, one, run.config.app, expr, language=language, deadline=deadline)

    outcomes = _each(run, hosts, work)
    results = [outcome.value for outcome in outcomes if outcome.value is not None]
    run.out.data(tables.results(results, several=len(hosts) > 1), [tables.result_document(one) for one in results])
    errors = [Outcome[Result](one.host, error=NodeError(f"{one.host}: {one.value}")) for one in results if one.failed]
    raise_failures([*outcomes, *errors])


@command(help=_WHERE, iterable=_MANY)
def remote(run: Run, *, on: str = "", host: Sequence[str] = (), role: Sequence[str] = ()) -> int:
    """Open a console on the node of one host."""
    from deliver.errors import UsageError
    from deliver.node.console import console
    from deliver.remote.connect import connect

    _, hosts = _chosen(run, on, host, role, secrets=False)
    if len(hosts) != 1:
        names = ", ".join(one.name for one in hosts)
        raise UsageError("a console is for one host", hint=f"choose it with --host; {on} has: {names}")
    with connect(hosts[0], run.config.ssh, run.out) as session:
        return console(session, hosts[0], run.config.app)


@command(
    help={
        **_WHERE,
        "lines": "How many of the last lines of each host.",
        "follow": "Go on until Ctrl-C, which then is a success.",
        "f": "The same as --follow.",
    },
    iterable=_MANY,
)
def logs(
    run: Run,
    *,
    on: str = "",
    host: Sequence[str] = (),
    role: Sequence[str] = (),
    lines: int = 100,
    follow: bool = False,
    f: bool = False,
) -> None:
    """Show the last lines of the nodes' logs."""
    from deliver.errors import UsageError
    from deliver.node.logs import read
    from deliver.remote.connect import close_all
    from deliver.remote.fleet import raise_failures

    environment, hosts = _chosen(run, on, host, role, secrets=False)
    width = max(len(one.name) for one in hosts)
    is_followed = follow or f
    if is_followed and run.json:
        raise UsageError("what is followed has no end, and so is no JSON document", hint="leave --follow or --json out")

    def show(data: bytes) -> None:
        run.out.raw(data)
        if run.out.is_unread:
            close_all()  # `logs -f | head`: they would go on for a week

    def prefix(name: str) -> bytes:
        return f"{name.ljust(width)}  ".encode() if len(hosts) > 1 else b""

    def work(one: Host, session: Session) -> bytes:
        shown = tables.Lines(prefix(one.name), show)
        kept: list[bytes] = []
        sink = shown.add if is_followed else kept.append  # all of one host, then all of the next
        read(session, one, environment, run.config.app, sink, lines=lines, follow=is_followed)
        shown.end()
        return b"".join(kept)

    try:
        outcomes = _each(run, hosts, work, at_once=len(hosts))
    except KeyboardInterrupt as interrupt:
        if is_followed and type(interrupt) is KeyboardInterrupt:
            return
        raise
    if is_followed and run.out.is_unread:
        return
    _show_logs(run, outcomes, prefix)
    raise_failures(outcomes)


def _show_logs(run: Run, outcomes: Sequence[Outcome[bytes]], prefix: Callable[[str], bytes]) -> None:
    if run.json:
        texts = {outcome.name: (outcome.value or b"").decode("utf-8", "replace") for outcome in outcomes}
        run.out.data("", [{"host": name, "lines": text.splitlines()} for name, text in texts.items()])
        return
    for outcome in outcomes:
        run.out.raw(tables.prefixed(outcome.value or b"", prefix(outcome.name)))


@command(help={**_WHERE, "show": "Only show the unit that would be written."}, iterable=_MANY)
def service_install(
    run: Run, *, on: str = "", host: Sequence[str] = (), role: Sequence[str] = (), show: bool = False
) -> None:
    """Write the systemd unit of each node, and have it started at boot; the node itself is left as it is."""
    from deliver.node import unit
    from deliver.node.facts import gather

    environment, hosts = _chosen(run, on, host, role)
    app = run.config.app

    def work(one: Host, session: Session) -> str:
        facts = gather(session, one, app)
        if show:
            return unit.text(app, environment, facts)
        done = unit.install(session, one, environment, app, facts)
        if not done.lingers:
            run.out.warn(
                f"{one.name}: without a login the node ends: let root run: loginctl enable-linger {facts.user}"
            )
        state = f"{done.file} {'written' if done.changed else 'was like that'}"
        run.out.step(one.name, state)
        return state

    if show:
        _show_units(run, hosts, work)
    else:
        _change(run, environment, hosts, work, f"the {unit.title(environment, app)} starts the nodes at boot")


def _show_units(run: Run, hosts: Sequence[Host], work: Callable[[Host, Session], str]) -> None:
    from deliver.remote.fleet import raise_failures

    outcomes = _each(run, hosts, work)
    texts = {outcome.name: outcome.value for outcome in outcomes if outcome.value is not None}
    shown = [f"# {name}\n{text}" if len(hosts) > 1 else text for name, text in texts.items()]
    run.out.data("\n".join(shown), texts)
    raise_failures(outcomes)


def _chosen(
    run: Run, on: str, host: Sequence[str], role: Sequence[str], *, secrets: bool = True
) -> tuple[Environment, tuple[Host, ...]]:
    from deliver.cli import select

    environment = select.environment(run.config, on, secrets=secrets)
    return environment, select.hosts(environment, host, role)


def _each(run: Run, hosts: Sequence[Host], work: Callable[[Host, Session], T], *, at_once: int = 0) -> list[Outcome[T]]:
    from deliver.remote.connect import connect
    from deliver.remote.fleet import each

    def reach(one: Host) -> T:
        with connect(one, run.config.ssh, run.out) as session:
            return work(one, session)

    return each(hosts, reach, name=lambda one: one.name, limit=at_once or run.config.ssh.parallel)


def _gather(run: Run, hosts: Sequence[Host]) -> list[Outcome[Facts]]:
    from deliver.node.facts import gather

    return _each(run, hosts, lambda one, session: gather(session, one, run.config.app))


def _worked(
    run: Run, environment: Environment, hosts: Sequence[Host], work: Callable[[Host, Session], str]
) -> list[Outcome[str]]:
    """Work on all hosts that answer, unless the environment is locked."""
    from deliver.remote.fleet import Outcome
    from deliver.ship.crew import Crew

    with Crew(run.config.ssh, run.out, run.config.app) as crew:
        reached = crew.reach(hosts)
        sites = [one.value for one in reached if one.value is not None]
        crew.refuse_locked(environment, sites)
        done = {one.name: one for one in crew.each(sites, lambda site: work(site.host, site.session))}
    return [done.get(one.name) or Outcome[str](one.name, error=one.error) for one in reached]


def _change(
    run: Run, environment: Environment, hosts: Sequence[Host], work: Callable[[Host, Session], str], done: str
) -> None:
    from deliver.cli import select
    from deliver.remote.fleet import raise_failures

    outcomes = _worked(run, environment, hosts, work)
    states = {outcome.name: outcome.value or tables.trouble(outcome) for outcome in outcomes}
    run.out.table("", ["host", "state"], list(states.items()), tables.states(states))
    raise_failures(outcomes)
    run.out.done(f"{select.named(environment, hosts)}: {done}")
