"""The hot upgrade of one node: the same steps in a rehearsal and in production."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from deliver.config.schema import Environment, Host
from deliver.node import upgrade as scripts
from deliver.node.agent import Agent
from deliver.otp.release import Release
from deliver.otp.upgrade.pair import Pair
from deliver.otp.upgrade.reach import unreached_findings
from deliver.otp.upgrade.snapshot import Snapshot
from deliver.remote.session import Session
from deliver.ship.stream import Member, tar


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

    def prepare(self, pair: Pair) -> None:
        """Bring the pair's files, and the agent that asks the node."""
        name = f"{pair.from_version}..{pair.to_version}"
        content = tar(Member(one, 0o644, len(data), partial(_once, data)) for one, data in self.files.items())
        scripts.put(self.session, self.root, name, pair.to_version, content, self.lock_wait)
        place = f"{self.root}/.deliver/upgrades/{name}"
        self.agent = Agent(self.session, self.host, self.app, place)

    def change(self, step: Step) -> Change:
        """Install the new release on the running node; it stays `current`, not permanent.

        Raises:
            NodeError: it was not installed.
        """
        self.agent.watch(self.salt)
        before = self.agent.snapshot(self.salt)
        self.agent.adopt(self.root)
        self.agent.introduce(self.root, step.new.name, step.new.version)
        try:
            scripts.resolve(self.session, self.host, self.app, step.new.version, step.pair.inline)
            milliseconds = self.agent.install(step.new.version, self.timeout)
        finally:
            scripts.clear(self.session, self.root)
        return Change(before, self.agent.snapshot(self.salt), milliseconds)

    def preflight(self, step: Step) -> list[str]:
        """Return why the node must not be changed now; nothing is changed by asking."""
        pair = step.pair
        found = self.agent.examine(pair.modules, held=pair.held)
        unreached = unreached_findings(found.unreached, pair.asked)
        return [*found.problems, *(f"{one.about} {one.text}" for one in unreached if one.level == "error")]

    def commit(self, step: Step) -> None:
        """Make the release that runs the one that boots; leave nothing of ours in the node."""
        self.agent.commit(step.new.version)
        scripts.activate(self.session, self.root, step.new, self.lock_wait)
        self.agent.leave()


def _once(data: bytes) -> list[bytes]:
    return [data]
