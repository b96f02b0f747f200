"""The rehearsal of a pair: both releases really boot, really change into each other, and are looked at each time."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace

from deliver.errors import DeliverError, NodeError
from deliver.node.agent import Agent
from deliver.otp.release import Release
from deliver.otp.upgrade.changes import Changes
from deliver.otp.upgrade.check import Expected, check
from deliver.otp.upgrade.data import changed_structs
from deliver.otp.upgrade.facts import Facts
from deliver.otp.upgrade.pair import Finding, Pair, Verdict, goes_to_hosts
from deliver.otp.upgrade.pauses import pauses
from deliver.otp.upgrade.plan import Plan, early_plan, make_plan
from deliver.otp.upgrade.reach import weigh
from deliver.otp.upgrade.relup import render
from deliver.otp.upgrade.snapshot import Snapshot
from deliver.otp.upgrade.tree import ended_children
from deliver.report import Report
from deliver.upgrade.relups import Edited, applied, checked
from deliver.upgrade.upgrader import Step, Upgrader
from deliver.upgrade.word import Heard, Word, compare, hear
from deliver.upgrade.workbench import AGENT, Workbench


@dataclass(frozen=True)
class Rehearsed:
    """What a rehearsal found.

    Args:
        verdict: what may be done with the pair.
        reasons: why the verdict is not `hot`.
        findings: everything else.
        files: what hosts get, and what we keep, by name.
        plan: what was rehearsed; None when it did not come to a plan.
    """

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    plan: Plan | None = None


class _UnprovenError(Exception):
    """A release does not boot here."""


@dataclass
class Rehearsal:
    """One rehearsal on a workbench.

    Args:
        bench: where.
        old: the release that runs.
        new: the one that is to run.
        report: hears of each step.
        word: what developers say of the pair.
        edited: a relup of theirs, to be rehearsed in place of ours.
    """

    bench: Workbench
    old: Release
    new: Release
    report: Report
    word: Word = field(default_factory=Word)
    edited: Edited | None = None
    _salt: str = field(default_factory=lambda: secrets.token_hex(16))
    _findings: list[Finding] = field(default_factory=list)
    _plan: Plan | None = None
    _files: dict[str, bytes] = field(default_factory=dict)
    _fresh: dict[str, Snapshot] = field(default_factory=dict)
    _used: dict[str, Snapshot] = field(default_factory=dict)

    def run(self) -> Rehearsed:
        """Rehearse.

        Raises:
            BuildError: the releases can never be a pair; the message says why.
            DeliverError: the build host fails us.
        """
        unfit = self.bench.unfit(self.new)
        if unfit:
            # Both are of one target.
            return self._ended("unproven", [f"it cannot boot on {self.bench.where}, which {unfit}"])
        for release in (self.old, self.new):
            self.bench.install(release)
        old, new = (self.bench.read(release.version) for release in (self.old, self.new))
        heard = hear(self.bench, self.word, old, new)
        self._findings += self.word.findings
        plan = self._early(old, new, heard)
        if plan is None:
            try:
                plan = make_plan(old, new, *self._boots(), heard.hints, heard.chosen)
            except _UnprovenError as error:
                return self._ended("unproven", [str(error)])
        self._plan = plan
        self._findings += plan.findings
        if self.edited is not None:
            return self._prove(checked(self.bench, plan, self.edited), self.edited.text)
        if plan.restart:
            return self._ended("restart", plan.restart)
        self._findings += compare(self.bench, plan)
        relup, plan = applied(self.bench, self.word, plan, render(plan))
        return self._prove(plan, relup)

    def _early(self, old: Facts, new: Facts, heard: Heard) -> Plan | None:
        plan = early_plan(old, new, heard.hints, heard.chosen)
        if self.edited is None:
            return plan
        checked(self.bench, plan or Plan(old, new), self.edited)
        self._files["relup"] = self.edited.text.encode()
        self._findings.append(Finding("note", "relup", f"it is {self.edited.origin}, not ours"))
        return None

    def _boots(self) -> tuple[Snapshot, Snapshot]:
        # The old release comes last: it is the one that goes on.
        new = self._boot(self.new)
        return self._boot(self.old), new

    def _boot(self, release: Release) -> Snapshot:
        began = time.monotonic()
        try:
            self.bench.boot(release)
        except NodeError as error:
            raise _UnprovenError(f"{release.version} does not boot on {self.bench.where}: {error.message}") from error
        agent = Agent(self.bench.session, self.bench.host, self.bench.config.app, self.bench.agent_beams)
        self._fresh[release.version] = agent.snapshot(self._salt)
        said = self.bench.probe(release.version, "fresh")
        if self.bench.config.rehearsal.probe and not said:
            self._used[release.version] = agent.snapshot(self._salt)
        agent.leave()
        if said:
            raise _UnprovenError(f"the probe does not hold for a fresh {release.version}: {said}")
        self._tell(f"{release.version} boots in {time.monotonic() - began:.1f} s")
        return self._fresh[release.version]

    def _prove(self, plan: Plan, relup: str) -> Rehearsed:
        self._plan = plan
        self._files = {
            "relup": relup.encode(),
            **{f"{name}.beam": self.bench.beams[name] for name in AGENT},
            "from.json": _kept(self._fresh[self.old.version]),
            "to.json": _kept(self._fresh[self.new.version]),
            **{f"appups/{app}.appup": text.encode() for app, text in plan.appups.items()},
        }
        upgrader = self._upgrader()
        pair = draft(self.old, self.new, plan)
        upgrader.prepare(pair)
        up, down = Step(pair, self.old, self.new), Step(pair, self.new, self.old)
        wrong = self._pass(upgrader, up, "upgrade")
        if wrong:
            return self._ended("restart", wrong)
        if plan.one_way:
            wrong = self._comes_back(upgrader, up)
            return self._ended("restart" if wrong else "hot, no way back", wrong or plan.one_way)
        wrong = self._pass(upgrader, down, "downgrade") or self._pass(upgrader, up, "second upgrade")
        if wrong:
            return self._ended("hot, no way back", wrong)
        wrong = self._comes_back(upgrader, up)
        return self._ended("restart" if wrong else "hot", wrong)

    def _upgrader(self) -> Upgrader:
        bench = self.bench
        config = bench.config
        hosts = {name: data for name, data in self._files.items() if goes_to_hosts(name)}
        return Upgrader(
            bench.session,
            bench.host,
            bench.environment,
            config.app,
            bench.root,
            hosts,
            self._salt,
            config.upgrade.timeout,
        )

    def _pass(self, upgrader: Upgrader, step: Step, name: str) -> list[str]:
        """Go one way, and return what is wrong after it."""
        wrong = self._examined(upgrader, step, name)
        if wrong:
            return wrong
        try:
            change = upgrader.change(step)
        except NodeError as error:
            return [f"{name}: {error.message}"]
        findings = list(check(change.after, self._expected(step, change.before)))
        self._findings += [replace(one, text=f"{name}: {one.text}") for one in findings if one.level != "error"]
        self._findings += [Finding("note", "pause", f"{name}: {one}") for one in pauses(change.after)]
        wrong = [f"{name}: {one.about}: {one.text}" for one in findings if one.level == "error"]
        said = self.bench.probe(step.new.version, name)
        wrong += [f"{name}: the probe does not hold: {said}"] if said else []
        self._tell(f"{name} in {change.milliseconds} ms: {len(wrong) or 'nothing'} wrong")
        return wrong

    def _examined(self, upgrader: Upgrader, step: Step, name: str) -> list[str]:
        """Return why release_handler would harm the node, as production is asked too before it is touched."""
        found = upgrader.agent.examine(step.pair.modules, held=step.pair.held)
        problems, known = weigh(found.problems, found.unreached, step.pair.asked)
        self._findings += [replace(one, text=f"{name}: {one.text}") for one in known]
        return [f"{name}: {text}" for text in problems]

    def _expected(self, step: Step, before: Snapshot) -> Expected:
        assert self._plan is not None  # noqa: S101  # what is rehearsed was planned
        changes = Changes(self._plan.old, self._plan.new)
        fresh, started = (self._fresh[one.version] for one in (step.new, step.old))
        return Expected(
            fresh,
            before,
            (*ended_children(started.tree, fresh.tree), *step.pair.ended),
            started=started,
            used=self._used.get(step.new.version),
            structs=changed_structs(changes if step.is_up else changes.reverse),
            skipped=step.pair.skipped,
            asked=step.pair.asked,
        )

    def _comes_back(self, upgrader: Upgrader, step: Step) -> list[str]:
        """Make the new release permanent, restart it inside its process, then kill it."""
        upgrader.commit(step)
        soft = [*self._after("a soft restart", self.bench.soft_restart)]
        return [*soft, *self._after("a kill", self.bench.kill)]

    def _after(self, what: str, work: Callable[[], None]) -> Iterator[str]:
        try:
            work()
            self.bench.start()
            agent = Agent(self.bench.session, self.bench.host, self.bench.config.app, self.bench.agent_beams)
            now = agent.snapshot(self._salt)
            agent.leave()
        except DeliverError as error:
            yield f"after {what} the node does not come back: {error.message}"
            return
        fresh = self._fresh[self.new.version]
        wrong = check(now, Expected(fresh, now))
        yield from (f"after {what}: {one.about}: {one.text}" for one in wrong if one.level == "error")
        said = self.bench.probe(self.new.version, what.removeprefix("a "))
        if said:
            yield f"after {what} the probe does not hold: {said}"
        self._tell(f"after {what} it runs {now.release}")

    def _ended(self, verdict: Verdict, reasons: list[str] | tuple[str, ...]) -> Rehearsed:
        return Rehearsed(verdict, tuple(reasons), tuple(self._findings), self._files, self._plan)

    def _tell(self, text: str) -> None:
        self.report.step(self.bench.session.name, text)


def draft(old: Release, new: Release, plan: Plan | None) -> Pair:
    """Return the record of a pair of which nothing is proven yet.

    Args:
        old: the release that runs.
        new: the one that is to run.
        plan: how it becomes the other; None when there is none.
    """
    pair = Pair(
        name=new.name,
        from_version=old.version,
        to_version=new.version,
        target=new.target,
        verdict="unproven",
        reasons=(),
        findings=(),
        files={},
        from_manifest=old.manifest,
        to_manifest=new.manifest,
        builder="",
        built_at="",
        seconds=0.0,
    )
    if plan is None:
        return pair
    return replace(
        pair,
        inline=dict(plan.inline),
        modules=plan.modules,
        ended=plan.ended,
        skipped=plan.skipped,
        held=dict(plan.held),
        asked=plan.asked,
    )


def _kept(snapshot: Snapshot) -> bytes:
    # Hashes of the rehearsal's own environment say nothing about other hosts.
    return json.dumps(asdict(replace(snapshot, environment={}, os_env={}, errors=())), sort_keys=True).encode()
