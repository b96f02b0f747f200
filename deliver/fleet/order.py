"""What somebody wants of an environment, and who it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from deliver.config.schema import Environment, Host
from deliver.fleet.plan import Plan, Task
from deliver.fleet.ways import Strategy


@dataclass(frozen=True)
class Order:
    """What somebody wants of an environment.

    Args:
        task: which kind of roll.
        environment: where.
        hosts: those of its hosts that are meant.
        tag: a tag to release.
        version: a version of the store to release, or to go back to; empty for what the tag or the journals say.
        origin: the environment to promote from, with all its secrets.
        strategy: which ways are allowed.
        probation: seconds to watch an upgraded node before its version becomes permanent.
        unproven: whether a pair that is not proven may be used.
        unhealthy: whether a fleet that is not healthy is rolled all the same.
        resumes: whether it goes on with a roll that did not come to its end.
        once_again: names of one-time commands that are run although they began before, and did not end.
        lock_wait: seconds to wait for locks.
        message: why, for whoever meets the lock.
        command: the command line, for the record.
    """

    task: Task
    environment: Environment
    hosts: tuple[Host, ...]
    tag: str = ""
    version: str = ""
    origin: Environment | None = None
    strategy: Strategy = "auto"
    probation: float = 5.0
    unproven: bool = False
    unhealthy: bool = False
    resumes: bool = False
    once_again: tuple[str, ...] = ()
    lock_wait: int = 0
    message: str = ""
    command: tuple[str, ...] = ()

    @property
    def named(self) -> tuple[str, ...]:
        """Names of the hosts, when they are not all of the environment."""
        return () if self.hosts == self.environment.hosts else tuple(host.name for host in self.hosts)


class Person(Protocol):
    """Who ordered the roll."""

    @property
    def only_plans(self) -> bool:
        """Whether nothing but the plan is wanted."""

    def agrees(self, plan: Plan) -> bool:
        """Show the plan, and ask whether to go on."""

    def confirms(self, question: str) -> bool:
        """Ask whether a roll under way goes on."""

    def masked(self, text: str) -> str:
        """Return a text with stars in place of secrets."""

    def sees(self, host: str, text: str, *, is_well: bool) -> None:
        """See what became of a host."""
