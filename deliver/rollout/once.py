"""Commands that a version needs once: before its roll or after it, on exactly one host, never twice.

A marker on that host, `.deliver/once/<version>-<digest>/<name>`, says that one has succeeded for this content of the
version. The command is not ours to cut in half: on the host it goes on when the connection is lost or deliver is
killed, up to its deadline, and whoever comes next waits for it.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from deliver.config.schema import Environment, Host, Once
from deliver.errors import DeadlineError, DeliverError, NodeError, RemoteError
from deliver.node.outcome import Told, run
from deliver.node.service import PARTS, arguments
from deliver.remote.script import Argument, Script, script
from deliver.remote.session import Session
from deliver.remote.who import holder, journal_name
from deliver.report import Report

#: Seconds that the script which waits for a command may take beyond the command itself.
MARGIN = 30.0
#: Digits of a manifest's digest that tell contents of one version apart.
_DIGITS = 12


@dataclass(frozen=True)
class Errand:
    """A command to be run once.

    Args:
        name: as in the configuration.
        once: what it says of it.
        environment: whose roll this belongs to.
        app: the release's name.
        version: the version that needs it; installed on the host, whatever else runs there.
        content: the SHA-256 of that version's manifest.
        again: whether it is run although it ended in the middle before, and nobody knows how far it got; one that
            succeeded is not run again for it.
    """

    name: str
    once: Once
    environment: Environment
    app: str
    version: str
    content: str
    again: bool = False

    @property
    def host(self) -> Host:
        """The one that it runs on."""
        return next((one for one in self.environment.hosts if one.name == self.once.on), self.environment.hosts[0])


def due(environment: Environment, at: Literal["before", "after"]) -> list[tuple[str, Once]]:
    """Return the environment's commands for that side of a roll, with their names, in the configuration's order."""
    return [(name, one) for name, one in environment.once.items() if one.at == at]


def run_once(errand: Errand, session: Session, report: Report, *, lock_as: str = "") -> Literal["ran", "done before"]:
    """Run the command, unless its marker is there; wait for it when it runs already.

    Its environment is that of the node of the host, and RELEASE_ROOT, RELEASE_VSN, DELIVER_ROOT, DELIVER_APP,
    DELIVER_ENVIRONMENT, DELIVER_VERSION and DELIVER_HOST.

    Args:
        errand: what to run.
        session: an open session to `errand.host`.
        report: hears of it.
        lock_as: whose lock the host has, when this is done under it.

    Raises:
        RemoteError: it failed, and the next time it starts anew; or it ended in the middle, now or before. Its last
            lines are the error's output.
        NodeError: the version is not there.
        LockedError: somebody else works on the host.
        DeadlineError: the connection was lost; the command goes on.
    """
    host = errand.host
    began = time.monotonic()
    report.step(host.name, f"once {errand.name}: {errand.once.run}")
    with _goes_on(errand, report):
        told = run(session, host, _waiter(errand, lock_as), deadline=errand.once.timeout + MARGIN)
    if told.outcome == "done":
        report.step(host.name, f"once {errand.name}: was done before for {errand.version}")
        return "done before"
    if told.outcome != "ran":
        raise _error(errand, told)
    report.step(host.name, f"once {errand.name}: done after {time.monotonic() - began:.1f} s")
    return "ran"


def _waiter(errand: Errand, lock_as: str) -> Script:
    given: dict[str, Argument] = {
        **arguments(errand.host, errand.environment.service, errand.app),
        **_identity(errand),
        "holder": holder(f"once {errand.name}", errand.version),
        "lock_as": lock_as,
        "content": errand.content,
        "again": "yes" if errand.again else "no",
        "environment": errand.environment.name,
        "host_name": errand.host.name,
        "runner": _runner(errand),
    }
    return script("once.sh", given, parts=PARTS)


def _runner(errand: Errand) -> str:
    made = script("once_command.sh", {**_identity(errand), "command": errand.once.run}, parts=("lock.sh", "layout.sh"))
    # The first line is read before the prelude has a locale of its own.
    return "locale=${LC_ALL-}\n" + made.whole(deadline=errand.once.timeout, has_lifeline=False)


def _identity(errand: Errand) -> dict[str, Argument]:
    return {
        "who": journal_name(),
        "version": errand.version,
        "place": f"{errand.version}-{errand.content[:_DIGITS]}",
        "name": errand.name,
    }


@contextmanager
def _goes_on(errand: Errand, report: Report) -> Iterator[None]:
    """Tell whoever stops waiting that the command does not stop for it."""
    there = f"on {errand.host.name} `{errand.name}` may still run"
    try:
        yield
    except DeadlineError as error:
        error.hint = f"{there}: the same command again waits for it"
        raise
    except KeyboardInterrupt:
        report.warn(f"{there}: it ends by itself, at the latest after {errand.once.timeout:g} s")
        raise


def _error(errand: Errand, told: Told) -> DeliverError:
    what = f"{errand.host.name}: once {errand.name}"
    output = "\n".join(told.log)
    if told.outcome == "declined":
        return NodeError(f"{errand.host.name}: {told.values[0]}", hint=told.values[1])
    if told.outcome == "broken":
        since, mark = told.values
        hint = f"look; then --once-again {errand.name}, or, if all is done, on the host: touch {shlex.quote(mark)}"
        message = f"{what} was begun at {since} and ended in the middle: how far it got is not known"
        return RemoteError(message, hint=hint, output=output)
    if told.outcome == "unbegun":
        return RemoteError(f"{what} could not be begun", output=output)
    hint = "when that is put right, the same command again runs it anew"
    return RemoteError(
        f"{what} failed with status {told.values[0]}", hint=hint, status=int(told.values[0]), output=output
    )
