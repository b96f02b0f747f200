"""The hosts of one command: a session to each, opened once and kept to the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from deliver.config.schema import Environment, Host, Ssh
from deliver.errors import DeliverError, FleetError
from deliver.node.facts import Facts, gather
from deliver.remote.connect import LOST, connect
from deliver.remote.fleet import Outcome, each
from deliver.remote.session import Session
from deliver.report import Report
from deliver.rollout.lock import Found, Holder, candidates, refusal

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")


@dataclass(frozen=True)
class Site:
    """A host that answers: how to reach it, and what it said of itself."""

    host: Host
    session: Session
    facts: Facts

    @property
    def name(self) -> str:
        """The host's name."""
        return self.host.name

    def again(self, app: str) -> Site:
        """Return it with what the host says of itself now.

        Raises:
            RemoteError, DeadlineError: it does not.
        """
        return replace(self, facts=gather(self.session, self.host, app))


class Crew:
    """Works on several hosts at once, over one connection to each, until it is closed.

    Args:
        ssh: how hosts are reached, and how many at once.
        report: hears of what runs.
        app: the release's name.
    """

    def __init__(self, ssh: Ssh, report: Report, app: str) -> None:
        self._ssh = ssh
        self._report = report
        self._app = app
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def connect(self, host: Host) -> Session:
        """Connect to any host, and ask it nothing.

        Raises:
            UnreachableError: it does not answer, or lets us not in.
            HostKeyError: its key is unknown, changed or revoked.
        """
        return self._stack.enter_context(connect(host, self._ssh, self._report))

    def reach(self, hosts: Iterable[Host]) -> list[Outcome[Site]]:
        """Connect to all hosts and gather their facts."""
        return each(hosts, self._site, name=lambda host: host.name, limit=self._ssh.parallel)

    def each(self, sites: Iterable[Site], work: Callable[[Site], T]) -> list[Outcome[T]]:
        """Do `work`, which must not return None, for every site."""
        return each(sites, work, name=lambda site: site.name, limit=self._ssh.parallel)

    def refuse_locked(self, environment: Environment, sites: Sequence[Site]) -> None:
        """Refuse to work on hosts of an environment that somebody has locked, by a roll or by hand.

        Args:
            environment: the hosts'.
            sites: those of them that were reached. The first one that may keep the lock, and answers, is asked too.

        Raises:
            LockedError: one of them keeps such a lock.
            HostKeyError: that first one is not the one we know.
        """
        for site in [*sites, *self._lock_host(environment, sites)]:
            if environment.name in site.facts.locks:
                found = Found(site.name, Holder.read(site.facts.locks[environment.name]))
                raise refusal(environment.name, found)

    def _lock_host(self, environment: Environment, sites: Sequence[Site]) -> Iterator[Site]:
        known = {site.name for site in sites}
        for host in candidates(environment):
            if host.name in known:
                return
            try:
                yield self._site(host)
            except LOST as error:
                self._report.warn(f"{error.message}: so it could not be asked whether {environment.name} is locked")
                continue
            return

    def _site(self, host: Host) -> Site:
        session = self.connect(host)
        return Site(host, session, gather(session, host, self._app))


def agreed(outcomes: Sequence[Outcome[T]]) -> list[T]:
    """Return all values; when a host failed, say how to go without it.

    Raises:
        DeliverError: one host failed: its error.
        FleetError: several did: all their errors, a line each.
    """
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    if not errors:
        return [outcome.get() for outcome in outcomes]
    raise _refusal(errors, [outcome.name for outcome in outcomes if outcome.error is None])


def _refusal(errors: Sequence[DeliverError], well: Sequence[str]) -> DeliverError:
    hints = list(dict.fromkeys(error.hint for error in errors if error.hint))
    if well:
        others = " ".join(f"--host {name}" for name in well)
        hints.append(f"no host was changed; to go without {'it' if len(errors) == 1 else 'them'}: {others}")
    if len(errors) == 1:
        errors[0].hint = "\n".join(hints)
        return errors[0]
    message = "\n".join(dict.fromkeys(error.message for error in errors))
    return FleetError(message, hint="\n".join(hints), code=max(error.code for error in errors))
