"""Starting and stopping the node of one host. Each is confirmed on the host: by asking the node, or by its process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from deliver.config.schema import Environment, Host
from deliver.errors import NodeError
from deliver.node.outcome import Told, run
from deliver.node.service import PARTS, arguments, change
from deliver.remote.script import Argument, payload, script
from deliver.remote.session import Session

#: Seconds that a script may take beyond its own waiting.
MARGIN = 30.0


@dataclass(frozen=True)
class Started:
    """A node that runs with all its applications.

    Args:
        host: where.
        pid: its process.
        version: the version it was booted from.
        already: whether it ran before.
    """

    host: str
    pid: int
    version: str
    already: bool


@dataclass(frozen=True)
class Stopped:
    """A node that does not run.

    Args:
        host: where.
        pid: the process it had; 0 when there was none.
        how: `stopped` as asked, `killed`, or `down` before.
    """

    host: str
    pid: int
    how: Literal["stopped", "killed", "down"]


def start(session: Session, host: Host, environment: Environment, app: str, *, lock_as: str = "") -> Started:
    """Start the node, and return when it answers and every permanent application of its release runs.

    A node that runs already is only asked. What boots is the version that `start_erl.data` names.

    Args:
        session: an open session to `host`.
        host: whose node.
        environment: says how the node is kept running.
        app: the release's name.
        lock_as: whose lock the host has, when this is done under it.

    Raises:
        NodeError: nothing is installed, it crashed, or it did not get so far within `start_timeout`.
        LockedError: somebody else works on the host.
        RemoteError: the host cannot do it.
    """
    seconds = environment.start_timeout
    given: dict[str, Argument] = {"seconds": round(seconds), "ready": payload("ready.exprs"), "lock_as": lock_as}
    told = _change(session, "start", host, environment, app, given, seconds)
    pid = told.values[0] if told.values else ""
    if told.outcome in {"running", "started"}:
        return Started(host.name, int(pid), told.values[1], already=told.outcome == "running")
    raise _start_error(host.name, environment, told)


def stop(
    session: Session, host: Host, environment: Environment, app: str, *, kill: bool = False, lock_as: str = ""
) -> Stopped:
    """Stop the node, and return when its process is gone and nothing brings it back.

    Args:
        session: an open session to `host`.
        host: whose node.
        environment: says how the node is kept running, and for how long to wait.
        app: the release's name.
        kill: whether a node that does not answer, or does not end in time, is killed.
        lock_as: whose lock the host has, when this is done under it.

    Raises:
        NodeError: it did not answer, or did not end within `stop_timeout`.
        LockedError: somebody else works on the host.
        RemoteError: the host cannot do it.
    """
    seconds = environment.stop_timeout
    given: dict[str, Argument] = {"seconds": round(seconds), "force": "yes" if kill else "no", "lock_as": lock_as}
    told = _change(session, "stop", host, environment, app, given, seconds)
    if told.outcome == "down":
        return Stopped(host.name, 0, "down")
    if told.outcome == "stopped":
        return Stopped(host.name, int(told.values[0]), "stopped")
    if told.outcome == "killed":
        return Stopped(host.name, int(told.values[0]), "killed")
    raise _stop_error(host.name, environment, told)


def _change(
    session: Session,
    what: str,
    host: Host,
    environment: Environment,
    app: str,
    given: Mapping[str, Argument],
    seconds: float,
) -> Told:
    values = {**arguments(host, environment.service, app), **change(what, environment), **given}
    made = script(f"{what}.sh", values, parts=PARTS)
    return run(session, host, made, deadline=seconds + MARGIN)


def _start_error(host: str, environment: Environment, told: Told) -> NodeError:
    if told.outcome == "declined":
        return NodeError(f"{host}: {told.values[0]}", hint=told.values[1])
    return NodeError(
        _with_log(f"{host}: {_start_failure(environment, told)}", told.log),
        hint=f"see more with: logs --on {environment.name} --host {host} --lines 500",
    )


def _start_failure(environment: Environment, told: Told) -> str:
    if told.outcome == "crashed":
        return f"the node crashed: {told.values[0]}"
    if told.outcome == "unwatched":
        return f"process {told.values[0]} runs, but not under heart: write -heart into vm.args"
    within = f"within {environment.start_timeout:g} s"
    if told.outcome == "silent":
        pid, reason = told.values
        return f"process {pid} is there, but the node did not get ready {within}: {reason}"
    return f"the node did not appear {within}: {told.values[0] or 'its start command said nothing'}"


def _stop_error(host: str, environment: Environment, told: Told) -> NodeError:
    if told.outcome == "declined":
        return NodeError(f"{host}: {told.values[0]}", hint=told.values[1])
    hint = f"to end it without asking: stop --on {environment.name} --host {host} --kill"
    if told.outcome == "silent":
        pid, reason = told.values
        return NodeError(f"{host}: the node, process {pid}, could not be stopped: {reason}", hint=hint)
    return NodeError(f"{host}: process {told.values[0]} did not end within {environment.stop_timeout:g} s", hint=hint)


def _with_log(message: str, log: tuple[str, ...]) -> str:
    return "\n".join([message, *(f"  | {line}" for line in log)])
