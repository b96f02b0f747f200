"""Bringing an installed version to run: host after host, never all at once, and no further than the first failure."""

from __future__ import annotations

import shlex
import time
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
        tell: called with a host's name, its new state, and the seconds that it took.
    """

    environment: Environment
    app: str
    report: Report
    wait: int
    tell: Callable[[str, str, float], None]
    _changed: list[str] = field(default_factory=list)

    def start(self, work: Sequence[tuple[Site, Release]]) -> None:
        """Start each host's release, in this order.

        Raises:
            DeliverError: the first host failed, and nothing was changed anywhere, or there is no other host.
            MixedFleetError: some hosts were changed and some were not.
        """
        for number, (site, release) in enumerate(work):
            began = time.monotonic()
            try:
                state = self._start(site, release)
            except DeliverError as error:
                self.tell(site.name, "failed", time.monotonic() - began)
                raise self._failure(error, release, [one for one, _ in work], number) from error
            self.tell(site.name, state, time.monotonic() - began)

    def _start(self, site: Site, release: Release) -> str:
        if _runs(site, release.version):
            activate(site, release, self.wait)
            self.report.step(site.name, f"runs {release.version} already")
            return "running"
        activate(site, release, self.wait)
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

    def _failure(self, error: DeliverError, release: Release, sites: Sequence[Site], failed: int) -> DeliverError:
        names = [site.name for site in sites]
        done, rest = names[:failed], names[failed:]
        if not (self._changed or done):
            return error
        mend = f"when that is put right: {self._command(release.version, rest)}"
        error.hint = "\n".join(filter(None, [error.hint, mend, *self._ways_back(release.version, sites)]))
        if len(names) == 1:
            return error
        lines = [error.message, f"{release.version} runs on: {', '.join(done) or 'no host'}"]
        if rest[1:]:
            lines.append(f"not started: {', '.join(rest[1:])}")
        return MixedFleetError("\n".join(lines), hint=error.hint)

    def _ways_back(self, version: str, sites: Sequence[Site]) -> list[str]:
        before: dict[str, list[str]] = {}
        for site in sites:
            was = _before(site)
            if site.name in self._changed and was not in {"", version}:
                before.setdefault(was, []).append(site.name)
        return [f"or back to {was}: {self._command(was, names)}" for was, names in before.items()]

    def _command(self, version: str, names: Sequence[str]) -> str:
        words = ["deploy-release", "--version", version, "--to", self.environment.name, "--start"]
        return f"invoke {shlex.join([*words, *(word for name in names for word in ('--host', name))])}"


def activate(site: Site, release: Release, wait: int) -> None:
    """Make an installed release the one that a host starts; nothing is done where it is.

    Args:
        site: the host.
        release: which.
        wait: seconds to wait for the host's lock.

    Raises:
        LockedError: somebody else is at work there.
        RemoteError: the host cannot do it.
    """
    if site.facts.permanent == release.version:
        return
    arguments: dict[str, Argument] = {
        "root": site.facts.root,
        "who": journal_name(),
        "holder": holder("activate", release.version),
        "wait": wait,
        "version": release.version,
        "erts": release.target.erts,
    }
    made = script("activate.sh", arguments, parts=_PARTS)
    done = site.session.run(made, deadline=60.0 + wait, check=False)
    if done.status == LOCKED:
        who = next((values[0] for key, values in done.facts() if key == "locked"), "")
        raise LockedError(f"{site.name}: {told(who)} is at work there", hint="try again later, or use --lock-wait")
    if done.status != 0:
        raise failure(site.name, made, done.status, done.stderr)


def _runs(site: Site, version: str) -> bool:
    node = site.facts.node
    return node is not None and node.booted and node.current == version


def _before(site: Site) -> str:
    """Return the version that a host ran, or would have started; empty when deliver did not bring it there."""
    node, process = site.facts.node, site.facts.process
    was = (node.current if node else "") or (process.version if process else "") or site.facts.permanent
    known = site.facts.has(was)
    return was if known is not None and known.manifest else ""


def _boots(site: Site, version: str) -> bool:
    # A node that is still on its way up, or does not answer, is waited for by `start`.
    node, process = site.facts.node, site.facts.process
    return process is not None and process.version == version and (node is None or node.current == version)
