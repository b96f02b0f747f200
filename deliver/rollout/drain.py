"""Taking a host out of service before its node stops, and bringing it back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from deliver.config.schema import LOCAL, Drain, Environment, Host
from deliver.errors import DeliverError, FleetError, NodeError
from deliver.node.call import evaluate
from deliver.node.facts import gather
from deliver.remote.script import Argument, script
from deliver.remote.session import Session
from deliver.rollout.elsewhere import Elsewhere
from deliver.rollout.haproxy import Server, State, server
from deliver.rollout.lines import About, run_line

T = TypeVar("T")

#: Seconds that a command or an expression may take at least, however short the deadline for connections is.
PATIENCE = 30.0
#: Seconds that the host may take beyond its waiting.
MARGIN = 15.0


@dataclass(frozen=True)
class Place:
    """A host in a roll.

    Args:
        session: an open session to it.
        host: which.
        environment: its.
        app: the release's name.
        elsewhere: lends sessions to other hosts.
        version: that the roll brings; empty for none.
        directory: where commands run on the operator's machine; empty for the current one.
    """

    session: Session
    host: Host
    environment: Environment
    app: str
    elsewhere: Elsewhere
    version: str = ""
    directory: str = ""

    @property
    def about(self) -> About:
        """What a command line for it is about."""
        return About(self.app, self.environment.name, self.version, self.host.name)

    def at(self, name: str, work: Callable[[Session], T]) -> T:
        """Return what `work` does with a session to the host called `name`: this one, when the name is empty."""
        if name in {"", self.host.name}:
            return work(self.session)
        known = (one for one in self.environment.hosts if one.name == name)
        return self.elsewhere.use(next(known, Host(name)), work)


def drain(place: Place) -> str:
    """Take a host out of service, wait until its connections are gone or the deadline is over, and say what was done.

    HAProxy hears of it first, then the command runs, then the expression. May be done again. A server that somebody has
    put into maintenance stays so.

    Raises:
        DeliverError: a part of it failed; the host's node was not touched, and `undrain` brings back what was done.
    """
    asked = place.environment.drain
    told = [_out_of_haproxy(place)] if asked.haproxy.backend else []
    told += _command(place, "the drain command", asked.command)
    told += _expression(place, "the drain expression", asked.rpc)
    ends = time.monotonic() + asked.deadline
    if asked.haproxy.backend:
        told.append(_sessions_gone(_server(place), ends))
    if asked.port:
        told.append(_connections_gone(place, asked.port, ends))
    return "; ".join(told)


def undrain(place: Place, *, expect_up: bool = True) -> str:
    """Bring a host back into service, and say what was done: the expression, then the command, then HAProxy.

    May be done again, and for a host that was never taken out. Each part is tried, also after another one has failed.

    Args:
        place: the host.
        expect_up: whether to wait, for `rolling.healthy_deadline` at most, until HAProxy itself sees the server up;
            not for a host whose node is known to be down or unwell.

    Raises:
        DeliverError: a part failed: that one's error.
        FleetError: several did.
    """
    asked = place.environment.drain
    parts: list[Callable[[], list[str]]] = [
        lambda: _undo_expression(place, asked),
        lambda: _command(place, "the command that ends the drain", asked.undo_command),
        lambda: [_into_haproxy(place, expect_up=expect_up)] if asked.haproxy.backend else [],
    ]
    told: list[str] = []
    errors: list[DeliverError] = []
    for part in parts:
        try:
            told += part()
        except DeliverError as error:
            errors.append(error)
    if errors:
        raise _all(place, errors)
    return "; ".join(told)


def _server(place: Place) -> Server:
    asked = place.environment.drain.haproxy
    return server(asked, place.host, lambda work: place.at(asked.on, work))


def _out_of_haproxy(place: Place) -> str:
    one = _server(place)
    if one.state().is_in_maintenance:
        return f"{one} is in maintenance in HAProxy already"
    one.set("drain")
    return f"{one} drains in HAProxy"


def _into_haproxy(place: Place, *, expect_up: bool) -> str:
    one = _server(place)
    before = one.state()
    if before.is_in_maintenance:
        return f"{one} stays in maintenance in HAProxy, as somebody has put it"
    if not expect_up:
        return _left_to_its_checks(one, before)
    one.set("ready")
    began = time.monotonic()
    found = one.wait(lambda state: state.is_up, began + place.environment.rolling.healthy_deadline)
    if not found.is_up:
        raise NodeError(
            f"{place.host.name}: {one} is ready in HAProxy, which still sees it {found.status} after "
            f"{place.environment.rolling.healthy_deadline:g} s",
            hint="HAProxy's own health check does not pass: see `option httpchk` of the backend, and what answers",
        )
    return f"{one} is up in HAProxy after {_seconds(began)}"


def _left_to_its_checks(one: Server, before: State) -> str:
    if not before.is_checked:
        one.set("ready")
        return f"{one} is ready in HAProxy, which does not check it"
    # HAProxy may not have noticed yet that the node went down, and would send it requests until it does.
    one.doubt()
    one.set("ready")
    return f"{one} is ready in HAProxy as soon as its checks find it up"


def _sessions_gone(one: Server, ends: float) -> str:
    began = time.monotonic()

    def is_done(state: State) -> bool:
        return state.sessions == 0 or state.is_in_maintenance

    left = one.wait(is_done, ends).sessions
    return _gone(left, "session", f"of {one}", began)


def _connections_gone(place: Place, port: int, ends: float) -> str:
    began = time.monotonic()
    seconds = max(0, round(ends - began))
    arguments: dict[str, Argument] = {"port": port, "seconds": seconds}
    made = script("drained.sh", arguments, parts=("node.sh",))
    said = dict(place.session.run(made, deadline=seconds + MARGIN).facts())
    return _gone(int(said["left"][0]), "connection", f"to port {port}", began)


def _gone(left: int, what: str, where: str, began: float) -> str:
    if left:
        return f"{left} {what}{'s' if left > 1 else ''} {where} left after {_seconds(began)}: gone on without waiting"
    return f"no {what} {where} left after {_seconds(began)}"


def _command(place: Place, what: str, line: str) -> list[str]:
    if not line:
        return []
    on, timeout = place.environment.drain.on, max(PATIENCE, place.environment.drain.deadline)
    directory = place.directory if on == LOCAL else ""
    variables = place.about.variables()
    place.at(on, lambda session: run_line(session, what, line, variables, timeout=timeout, directory=directory))
    return [f"{what} was run"]


def _expression(place: Place, what: str, code: str) -> list[str]:
    if not code:
        return []
    timeout = max(PATIENCE, place.environment.drain.deadline)
    came = evaluate(place.session, place.host, place.app, code, deadline=timeout)
    if came.failed:
        raise NodeError(f"{place.host.name}: {what} failed: {came.value}")
    return [f"{what} came to {' '.join(came.value.split())[:80]}"]


def _undo_expression(place: Place, asked: Drain) -> list[str]:
    what = "the expression that ends the drain"
    if asked.undo_rpc and gather(place.session, place.host, place.app).process is None:
        return [f"{what} was left out: the node does not run"]
    return _expression(place, what, asked.undo_rpc)


def _all(place: Place, errors: list[DeliverError]) -> DeliverError:
    if len(errors) == 1:
        return errors[0]
    hints = dict.fromkeys(error.hint for error in errors if error.hint)
    message = "\n".join([f"{place.host.name} is not back in service:", *(error.message for error in errors)])
    return FleetError(message, hint="\n".join(hints), code=max(error.code for error in errors))


def _seconds(began: float) -> str:
    return f"{time.monotonic() - began:.1f} s"
