"""The hot upgrade of one node: the same steps in a rehearsal and in production."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from deliver.config.schema import Environment, Host
from deliver.node import upgrade as scripts
from deliver.node.agent import Agent, Preflight
from deliver.otp.release import Release
from deliver.otp.upgrade.pair import Pair
from deliver.otp.upgrade.snapshot import Snapshot
from deliver.remote.session import Session
from deliver.ship.stream import bytes_member, tar


@dataclass(frozen=True)
class Step:
    """One change of a node from a release to another.

    Args:
        pair: between them, in either direction.
        old: what runs.
        new: what is to run.
    """

    pair: Pair
    old: Release
    new: Release

    @property
    def is_up(self) -> bool:
        """Whether it goes the pair's way, not back."""
        return self.new.version == self.pair.to_version


@dataclass(frozen=True)
class Change:
    """What came of a change.

    Args:
        before: the node before.
        after: the node after it.
        milliseconds: that `release_handler` took.
    """

    before: Snapshot
    after: Snapshot
    milliseconds: int


@dataclass(frozen=True)
class Readiness:
    """A node before it is changed.

    Args:
        preflight: what it said.
        had_to_wait: whether somebody else was at work there until now, and may have changed all of it.
    """

    preflight: Preflight
    had_to_wait: bool


@dataclass
class Upgrader:
    """Changes the release of one running node.

    Args:
        session: an open session to its host.
        host: whose node.
        environment: the host's.
        app: the release's name.
        root: the release's directory on the host.
        files: the pair's files, by name.
        salt: makes the hashes of a run comparable, and useless to others.
        timeout: seconds that `release_handler` may take.
        lock_wait: seconds to wait for the host's lock.
        lock_as: whose lock it is while the host is kept; empty otherwise.
    """

    session: Session
    host: Host
    environment: Environment
    app: str
    root: str
    files: Mapping[str, bytes]
    salt: str
    timeout: float = 120.0
    lock_wait: int = 0
    agent: Agent = field(init=False)
    lock_as: str = ""
    _resolved: str = ""

    def prepare(self, pair: Pair) -> None:
        """Bring the pair's files, and the agent that asks the node."""
        scripts.put(self.session, self.root, _named(pair), pair.to_version, self._content(), self.lock_wait)
        self._meet(pair)

    @contextmanager
    def opened(self, step: Step, stay: float, *, resumes: bool = False) -> Iterator[Readiness]:
        """Take the host's lock, and make all ready for a step; the lock is kept to the end of the `with`.

        Args:
            step: what is to be done.
            stay: seconds that the host may be kept.
            resumes: whether the step's new release runs already, and is only to be checked and made permanent.

        Raises:
            LockedError: somebody else is at work there.
            DeliverError: the host is not ready, and its node is as it was.
        """
        self._meet(step.pair)
        runs = step.new.version if resumes else step.old.version
        opening = scripts.Opening(
            pair=_named(step.pair),
            to=step.pair.to_version,
            version=step.new.version,
            files=b"".join(self._content()),
            inline=step.pair.inline,
            resolves=not resumes,
            question=self._examination(step, runs, resumes=resumes),
        )
        with scripts.opened(self.agent, self.root, opening, self.lock_wait, stay) as kept:
            self.lock_as, self._resolved = kept.identity, "" if resumes else step.new.version
            had_to_wait = any(key == "waiting" for key, _ in kept.completed.facts())
            yield Readiness(Preflight(**self.agent.answer(kept.completed)), had_to_wait)

    def change(self, step: Step) -> Change:
        """Install the new release on the running node; it stays `current`, not permanent.

        Raises:
            NodeError: it was not installed.
        """
        new, root = step.new, self.root
        try:
            if self._resolved != new.version:
                scripts.resolve(self.session, self.host, self.app, new.version, step.pair.inline)
            return Change(*self.agent.change(self.salt, root, new.name, new.version, self.timeout))
        finally:
            self._resolved = ""
            if not self.lock_as:
                scripts.clear(self.session, root)

    def look(self) -> Snapshot:
        """Return what the node is now."""
        return self.agent.snapshot(self.salt)

    def commit(self, step: Step) -> list[dict[str, Any]]:
        """Make the release that runs the one that boots; leave nothing of ours in the node; return who ran old code."""
        return scripts.commit(self.agent, self.root, step.new, self.lock_wait, self.lock_as)

    def _examination(self, step: Step, runs: str, *, resumes: bool) -> tuple[Any, ...]:
        if resumes:
            return self.agent.examination((), runs)
        return self.agent.examination(step.pair.modules, runs, held=step.pair.held)

    def _meet(self, pair: Pair) -> None:
        place = f"{self.root}/.deliver/upgrades/{_named(pair)}"
        self.agent = Agent(self.session, self.host, self.app, place)

    def _content(self) -> Iterable[bytes]:
        return tar(bytes_member(one, data, 0o644) for one, data in self.files.items())


def _named(pair: Pair) -> str:
    return f"{pair.from_version}..{pair.to_version}"
