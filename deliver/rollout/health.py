"""Whether a host is healthy: its node as its release says, and whatever else the environment asks for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from deliver.config.schema import Environment, Health, Host
from deliver.errors import DeadlineError, DeliverError, HostKeyError, NodeError, UnreachableError
from deliver.node.answer import decode
from deliver.node.call import expressions, result
from deliver.node.facts import NodeState, node_state
from deliver.node.logs import read
from deliver.remote.completed import Completed
from deliver.remote.connect import pause
from deliver.remote.script import Argument, Script, payload, script
from deliver.remote.session import Session
from deliver.remote.web import http_reason, tcp_reason
from deliver.rollout.lines import About, arguments, operator, run_line, shown

#: Seconds that a look may take beyond its checks.
MARGIN = 25.0
#: Lines of the node's log that an error shows.
LOG_LINES = 20
#: The status of what `timeout` has ended: coreutils', busybox's.
_LATE = {"124", "143"}


@dataclass(frozen=True)
class Look:
    """What one look found.

    Args:
        reasons: why the host is not healthy; none when it is.
        incarnation: the node's; empty when it did not answer. See `NodeState`.
    """

    reasons: tuple[str, ...]
    incarnation: str = ""


@dataclass
class Watch:
    """Whether a host has been healthy for long enough, look by look.

    Args:
        min_healthy: seconds for which it must be, without a break.
        deadline: seconds, from `began`, within which it must have been.
        began: when the watch began, on a clock that only goes forward.
    """

    min_healthy: float
    deadline: float
    began: float
    flaps: int = 0
    restarts: int = 0
    reasons: tuple[str, ...] = ("it was not looked at",)
    _since: float | None = field(default=None)
    _incarnation: str = ""

    def see(self, look: Look, at: float) -> bool:
        """Take a look that was had at `at`; return whether the host has been healthy for long enough now."""
        restarted = bool(self._incarnation and look.incarnation and look.incarnation != self._incarnation)
        self._incarnation = look.incarnation or self._incarnation
        self.restarts += restarted
        if self._since is not None and (look.reasons or restarted):
            self.flaps += 1
            self._since = None
        if look.reasons:
            self.reasons = look.reasons
            return False
        if restarted:
            self.reasons = ("its node restarted",)
        if self._since is None:
            self._since = at
        return at - self._since >= self.min_healthy

    def is_over(self, at: float) -> bool:
        """Whether there is no time left for it to become healthy for long enough."""
        return at - self.began >= self.deadline

    def rest(self, at: float, interval: float) -> float:
        """Return how many seconds are to pass until the next look."""
        ends = self.began + self.deadline
        if self._since is not None:
            ends = min(ends, self._since + self.min_healthy)
        return max(0.0, min(interval, ends - at))

    def story(self) -> str:
        """Return what was wrong, and how often the host was healthy and then not."""
        flapped = f"; it flapped {_times(self.flaps)}" if self.flaps else ""
        restarted = f"; its node restarted {_times(self.restarts)}" if self.restarts else ""
        held = "" if self._since is None else "it is healthy now, but was not before: "
        return held + "; ".join(self.reasons) + flapped + restarted


def look(
    session: Session, host: Host, environment: Environment, app: str, version: str, *, directory: str = ""
) -> list[str]:
    """Look at a host once, and return why it is not healthy; nothing when it is.

    Its node answers, is through with its boot, runs `version`, and runs every permanent application of that release at
    the version that the release has; then each check of `environment.health`.

    Args:
        session: an open session to `host`.
        host: which.
        environment: its.
        app: the release's name.
        version: that its node has to run; empty for any.
        directory: where `local_command` runs on the operator's machine; empty for the current one.

    Raises:
        DeadlineError: the connection was lost, or the host did not tell in time.
        UnreachableError: the connection was lost before.
        RemoteError: the host cannot be asked.
    """
    return list(_look(session, host, environment, About(app, environment.name, version, host.name), directory).reasons)


def stay_healthy(
    session: Session,
    host: Host,
    environment: Environment,
    app: str,
    version: str,
    *,
    note: Callable[[str], None],
    reconnect: Callable[[], Session],
    directory: str = "",
) -> None:
    """Return once the host was healthy for `rolling.min_healthy` seconds without a break, from anew whenever it flaps.

    A node that restarted meanwhile has flapped, even if every look was well. A look that could not be had, for want of
    a connection or of an answer, found the host unhealthy. With a `min_healthy` of 0, one good look is enough.

    Args:
        session: an open session to `host`.
        host: which.
        environment: its.
        app: the release's name.
        version: that its node has to run; empty for any.
        note: called with each change of what was found.
        reconnect: opens another session when one was lost.
        directory: where `local_command` runs on the operator's machine; empty for the current one.

    Raises:
        NodeError: it was not within `rolling.healthy_deadline`; the message has the reason and the end of the log.
        HostKeyError: another machine answers in the host's place.
        UnreachableError: the operator interrupted.
    """
    about = About(app, environment.name, version, host.name)
    eye = _Eye(session, reconnect)
    watch = Watch(environment.rolling.min_healthy, environment.rolling.healthy_deadline, time.monotonic())
    told: tuple[str, ...] | None = None
    while True:
        found = eye.look(lambda session: _look(session, host, environment, about, directory))
        at = time.monotonic()
        if watch.see(found, at):
            return
        if found.reasons != told:
            told = found.reasons
            note("; ".join(told) or "healthy")
        if watch.is_over(at):
            raise _unhealthy(eye, host, environment, app, watch)
        pause(watch.rest(at, environment.health.interval))


@dataclass
class _Eye:
    """Looks over a connection that may be lost, and connects anew."""

    session: Session
    reconnect: Callable[[], Session]
    is_lost: bool = False
    hint: str = ""

    def look(self, had: Callable[[Session], Look]) -> Look:
        try:
            if self.is_lost:
                self.session = self.reconnect()
                self.is_lost = False
            found = had(self.session)
        except HostKeyError:
            raise
        except DeliverError as error:
            self.is_lost = self.is_lost or isinstance(error, DeadlineError | UnreachableError)
            self.hint = error.hint
            return Look((error.message,))
        self.hint = ""
        return found


def _look(session: Session, host: Host, environment: Environment, about: About, directory: str) -> Look:
    health = environment.health
    done = session.run(_script(host, about, health), deadline=2 * health.timeout + MARGIN)
    said = dict(done.facts())
    if "answer" not in said:
        silence = said.get("silence", [""])[0]
        return Look((f"the node does not answer: {silence}" if silence else "the node does not run",))
    state = _state(said["answer"][0])
    if isinstance(state, str):
        return Look((state,))
    reasons = [*unwell(state, about.version), *_truth(health, said), *_command(health, said, done)]
    if not reasons:  # what hears from outside has nothing to say of a node that is not ready
        reasons = [*_outside(session, health), *_local(session, health, about, directory)]
    return Look(tuple(reasons), state.incarnation)


def unwell(state: NodeState, version: str) -> list[str]:
    """Return what a node lacks to be what its release says; nothing when it is.

    Args:
        state: what it told.
        version: that it has to run; empty for any.
    """
    if version and state.current != version:
        return [f"it runs {state.current}, not {version}"]
    if not state.booted:
        return ["it has not booted to the end"]
    missing = [name for name in state.wanted if name not in state.applications]
    others = [
        f"{name} runs at {state.applications[name]}, and {state.current} has {wanted}"
        for name, wanted in state.wanted.items()
        if state.applications.get(name, wanted) != wanted
    ]
    return [*([f"not running: {' '.join(missing)}"] if missing else []), *others]


def _script(host: Host, about: About, health: Health) -> Script:
    given: dict[str, Argument] = {
        "path": host.path,
        "app": about.app,
        "exprs": payload("status.exprs"),
        "seconds": max(1, round(health.timeout)),
        "truth": expressions(health.rpc, "auto", health.timeout) if health.rpc else "",
        **arguments(health.command, about.variables()),
    }
    return script("health.sh", given, parts=("node.sh", "line.sh"))


def _state(answer: str) -> NodeState | str:
    try:
        return node_state(decode(answer).decode("utf-8", "replace"))
    except NodeError as error:
        return error.message


def _truth(health: Health, said: dict[str, list[str]]) -> Iterable[str]:
    if not health.rpc:
        return
    if "truth" not in said:
        yield f"rpc: {said.get('silence', ['no answer'])[0]}"
        return
    try:
        came = result("rpc", said["truth"][0], health.timeout)
    except DeliverError as error:
        yield error.message
        return
    if came.failed or came.value != "true":
        yield f"rpc: {health.rpc} is {came.value.splitlines()[0] if came.value else 'nothing'}, not true"


def _command(health: Health, said: dict[str, list[str]], done: Completed) -> Iterable[str]:
    status = said.get("command", ["?"])[0]
    if not health.command or status == "0":
        return
    ended = f"did not end within {health.timeout:g} s" if status in _LATE else f"ended with status {status}"
    yield f"command: it {ended}{shown(done)}"


def _outside(session: Session, health: Health) -> Iterable[str]:
    if health.tcp:
        address, _, port = health.tcp.rpartition(":")
        if reason := tcp_reason(session, address.strip("[]") or "127.0.0.1", int(port), health.timeout):
            yield f"tcp {health.tcp}: {reason}"
    if health.http:
        status, body = health.status, health.body
        if reason := http_reason(session, health.http, health.timeout, status=status, body=body):
            yield f"{health.http}: {reason}"


def _local(session: Session, health: Health, about: About, directory: str) -> Iterable[str]:
    if not health.local_command:
        return
    try:
        with operator(session.report) as here:
            run_line(
                here,
                "local_command",
                health.local_command,
                about.variables(),
                timeout=health.timeout,
                directory=directory,
            )
    except DeliverError as error:
        yield error.message


def _unhealthy(eye: _Eye, host: Host, environment: Environment, app: str, watch: Watch) -> NodeError:
    rolling = environment.rolling
    long = f" for {rolling.min_healthy:g} s" if rolling.min_healthy else ""
    what = f"{host.name}: it was not healthy{long} within {rolling.healthy_deadline:g} s: {watch.story()}"
    return NodeError(
        "\n".join([what, *(f"  | {line}" for line in _log(eye.session, host, environment, app))]),
        hint=eye.hint or f"see more with: logs --on {environment.name} --host {host.name} --lines 500",
    )


def _log(session: Session, host: Host, environment: Environment, app: str) -> list[str]:
    held = bytearray()
    try:
        read(session, host, environment, app, held.extend, lines=10 * LOG_LINES)
    except DeliverError:
        return []
    lines = [line.rstrip() for line in held.decode("utf-8", "replace").splitlines()]
    return [line for line in lines if line][-LOG_LINES:]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
