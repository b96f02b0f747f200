"""A host as one of HAProxy's servers, by HAProxy's runtime API."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from dataclasses import dataclass

from deliver.config.schema import Haproxy, Host
from deliver.errors import NodeError, RemoteError
from deliver.remote.connect import pause
from deliver.remote.script import Argument, script
from deliver.remote.session import Session
from deliver.remote.web import exchange

#: Seconds for one answer.
TIMEOUT = 10.0
#: Seconds between two looks: the first, and the longest.
SOON, LATE = 0.05, 1.0
_HINT = "its `stats socket` needs `level admin`, and the user who logs in there must be able to write to it"


@dataclass(frozen=True)
class State:
    """What HAProxy says of a server.

    Args:
        status: in its own words: `UP`, `DOWN 1/2`, `DRAIN`, `MAINT`, `no check`.
        sessions: that the server has now, or that wait for it.
        is_checked: whether HAProxy looks by itself how the server is.
    """

    status: str
    sessions: int
    is_checked: bool

    @property
    def is_up(self) -> bool:
        """Whether it gets new sessions, as far as HAProxy knows."""
        return self.status.split(" ")[0] == "UP" or self.status == "no check"

    @property
    def is_in_maintenance(self) -> bool:
        """Whether somebody has taken it out for good: that is never our doing."""
        return self.status.startswith("MAINT")


@dataclass(frozen=True)
class Server:
    """One server of a backend.

    Args:
        backend: its backend.
        name: its own.
        ask: sends a command to the runtime API, and returns the answer.
    """

    backend: str
    name: str
    ask: Callable[[str], str]

    def __str__(self) -> str:
        return f"{self.backend}/{self.name}"

    def state(self) -> State:
        """Ask what it is now.

        Raises:
            NodeError: HAProxy has no such server, or does not tell.
            DeliverError: HAProxy cannot be asked.
        """
        # Asking for one backend by its name would find a frontend of the same name.
        answer = self.ask("show stat -1 4 -1").strip()
        if not answer.startswith("# pxname,"):
            raise self._refusal(answer)
        rows = list(csv.DictReader(answer.removeprefix("# ").splitlines()))
        for row in rows:
            if (row["pxname"], row["svname"]) == (self.backend, self.name):
                sessions = int(row["scur"] or 0) + int(row["qcur"] or 0)
                return State(row["status"], sessions, bool(row["check_status"]))
        known = ", ".join(f"{row['pxname']}/{row['svname']}" for row in rows)
        raise NodeError(f"HAProxy has no server {self}", hint=f"it has: {known or 'none'}")

    def set(self, state: str) -> None:
        """Make it `drain` or `ready`.

        Raises:
            NodeError: HAProxy refuses.
            DeliverError: HAProxy cannot be asked.
        """
        self._tell(f"state {state}")

    def doubt(self) -> None:
        """Let it be down until HAProxy's own checks have found it up.

        Raises:
            NodeError: HAProxy refuses.
            DeliverError: HAProxy cannot be asked.
        """
        self._tell("health down")

    def wait(self, enough: Callable[[State], bool], ends: float) -> State:
        """Look at it until it is as it should be, or the time is over; return what it was last.

        Args:
            enough: whether it is.
            ends: when the time is over, on the clock that only goes forward.

        Raises:
            DeliverError: as `state`.
        """
        rest = SOON
        while not enough(found := self.state()) and time.monotonic() < ends:
            pause(min(rest, ends - time.monotonic()))
            rest = min(LATE, 2 * rest)
        return found

    def _tell(self, what: str) -> None:
        answer = self.ask(f"set server {self} {what}")
        if answer.strip():
            raise self._refusal(answer)

    def _refusal(self, answer: str) -> NodeError:
        said = " ".join(answer.split())[:200] or "nothing"
        return NodeError(f"HAProxy does not do it for {self}: it says {said!r}", hint=_HINT)


def server(haproxy: Haproxy, host: Host, use: Callable[[Callable[[Session], str]], str]) -> Server:
    """Return the server that `host` is.

    Args:
        haproxy: says which.
        host: the host.
        use: lends a session to where HAProxy runs.
    """

    def ask(command: str) -> str:
        return use(lambda session: _exchange(session, haproxy.socket, command))

    return Server(haproxy.backend, haproxy.server.replace("{host}", host.name), ask)


def _exchange(session: Session, socket: str, command: str) -> str:
    if "/" in socket:
        arguments: dict[str, Argument] = {"socket": socket, "request": command}
        try:
            return session.run(script("haproxy.sh", arguments), deadline=TIMEOUT).stdout.decode("utf-8", "replace")
        except RemoteError as error:
            error.hint = error.hint or _HINT
            raise
    address, _, port = socket.rpartition(":")
    try:
        answer = exchange(session, address.strip("[]"), int(port), f"{command}\n".encode(), TIMEOUT)
    except OSError as error:
        raise NodeError(f"{session.name}: HAProxy does not answer at {socket}: {error.strerror or error}") from error
    return answer.decode("utf-8", "replace")
