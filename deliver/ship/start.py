"""Bringing an installed version to run: host after host, never all at once, and no further than the first failure."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from deliver.config.schema import Environment
from deliver.errors import DeliverError, LockedError, MixedFleetError, NodeError
from deliver.node.control import start, stop
from deliver.otp.release import Release
from deliver.remote.pump import failure
from deliver.remote.script import Argument, script
from deliver.remote.who import holder, journal_name, told
from deliver.report import Report
from deliver.ship.crew import Site

#: The exit status of a script that found the host's lock taken.
LOCKED = 75

_PARTS = ("lock.sh", "layout.sh")


@dataclass
class Starter:
    """Starts a version on hosts.

    Args:
        environment: says how nodes are kept running.
        app: the release's name.
        report: hears of each step.
        wait: seconds to wait for a host's lock.
        tell: called with a host's name and its new state.
    """

    environment: Environment
    app: str
    report: Report
    wait: int
    tell: Callable[[str, str], None]
    _changed: list[str] = field(default_factory=list)

    def start(self, work: Sequence[tuple[Site, Release]]) -> None:
        """Start each host's release, in this order.

        Raises:
            DeliverError: the first host failed, and nothing was changed anywhere, or there is no other host.
            MixedFleetError: some hosts were changed and some were not.
        """
        for number, (site, release) in enumerate(work):
            try:
                state = self._start(site, release)
            except DeliverError as error:
                self.tell(site.name, "failed")
                rest = [one.name for one, _ in work[number:]]
                raise self._failure(error, release, [one.name for one, _ in work], rest) from error
            self.tell(site.name, state)

    def _start(self, site: Site, release: Release) -> str:
        if _runs(site, release.version):
            self._activate(site, release)
            self.report.step(site.name, f"runs {release.version} already")
            return "running"
        self._activate(site, release)
        self._changed.append(site.name)
        ran = site.facts.process is not None
        if ran and not _boots(site, release.version):
            stop(site.session, site.host, self.environment, self.app)
            self.report.step(site.name, "stopped")
        started = start(site.session, site.host, self.environment, self.app)
        if started.version != release.version:
            raise NodeError(
                f"{site.name}: the node runs {started.version}, not {release.version}",
                hint="somebody else has started it meanwhile: look with `status`",
            )
        self.report.step(site.name, f"{'re' if ran else ''}started, runs {release.version}")
        return "restarted" if ran else "started"

    def _activate(self, site: Site, release: Release) -> None:
        if site.facts.permanent == release.version:
            return
        arguments: dict[str, Argument] = {
            "root": site.facts.root,
            "who": journal_name(),
            "holder": holder("activate", release.version),
            "wait": self.wait,
            "version": release.version,
            "erts": release.target.erts,
        }
        made = script("activate.sh", arguments, parts=_PARTS)
        done = site.session.run(made, deadline=60.0 + self.wait, check=False)
        if done.status == LOCKED:
            who = next((values[0] for key, values in done.facts() if key == "locked"), "")
            raise LockedError(f"{site.name}: {told(who)} is at work there", hint="try again later, or use --lock-wait")
        if done.status != 0:
            raise failure(site.name, made, done.status, done.stderr)

    def _failure(
        self, error: DeliverError, release: Release, hosts: Sequence[str], rest: Sequence[str]
    ) -> DeliverError:
        done = [name for name in hosts if name not in rest]
        if len(hosts) == 1 or not (self._changed or done):
            return error
        again = ["deploy-release", "--version", release.version, "--to", self.environment.name, "--start"]
        for name in rest:
            again += ["--host", name]
        lines = [error.message, f"{release.version} runs on: {', '.join(done) or 'no host'}"]
        if rest[1:]:
            lines.append(f"not started: {', '.join(rest[1:])}")
        mend = f"when that is put right: invoke {shlex.join(again)}"
        return MixedFleetError("\n".join(lines), hint="\n".join(filter(None, [error.hint, mend])))


def _runs(site: Site, version: str) -> bool:
    node = site.facts.node
    return node is not None and node.booted and node.current == version


def _boots(site: Site, version: str) -> bool:
    # A node that is still on its way up, or does not answer, is waited for by `start`.
    node, process = site.facts.node, site.facts.process
    return process is not None and process.version == version and (node is None or node.current == version)
