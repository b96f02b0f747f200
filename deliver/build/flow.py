"""Building one release: from a tag to a record in the store."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone

from deliver import source as git
from deliver.build import plan
from deliver.build.collect import Fetch, Found, found
from deliver.build.hearing import Hearing
from deliver.build.plan import Job, Request
from deliver.build.send import Ready, Sender, cuts, packs, prepare
from deliver.config.schema import Config
from deliver.config.secrets import demand
from deliver.errors import BuildError, DeliverError, LockedError
from deliver.otp.release import Release
from deliver.remote.completed import Completed
from deliver.remote.connect import connect
from deliver.remote.pump import failure
from deliver.remote.script import Script
from deliver.remote.session import Session
from deliver.remote.who import holder, me
from deliver.report import Report
from deliver.source import Source, Submodule
from deliver.store.store import Store, contents

#: Lines of a failed step that its error shows.
SHOWN_LINES = 20
#: Seconds for bringing the result of a build here.
FETCH_TIMEOUT = 1800.0
_REFUSED = {
    "link": "rebar3 makes such links in its development mode: give the profile (build.profile) {dev_mode, false} or "
    "{mode, prod}; other links must be relative and stay inside",
    "name": "rename the file in the project",
    "kind": "a release has files, directories and links only",
    "release": "a release has releases/<version>/<name>.rel, and all the applications that it lists",
}


@dataclass(frozen=True)
class Built:
    """What came of a build.

    Args:
        release: its record in the store.
        is_new: whether the store did not have it.
        was_run: whether anything was built; not, when the commit was in the store.
        seconds: how long everything took.
        sent: bytes of commits that went to the build host.
        steps: seconds that each step took.
    """

    release: Release
    is_new: bool
    was_run: bool
    seconds: float
    sent: int = 0
    steps: dict[str, float] = field(default_factory=dict)


def build_release(config: Config, store: Store, report: Report, request: Request) -> Built:
    """Build a release and keep it; nothing is done, and the build host is left alone, when the store has it.

    Raises:
        UsageError, SourceError: what is asked for is not in the repository.
        ConfigError: the configuration cannot be built by.
        LockedError: somebody else builds this application.
        BuildError: a step failed, or built something else than the tag says.
        StoreError: the store has this version with other content, or cannot be written.
    """
    began = time.monotonic()
    source = _resolved(config, request)
    _warn(source, report)
    demand(config.build)
    recipe = plan.recipe(config)
    present = None if request.rebuild else store.built(source.commit, recipe)
    if present is not None and _is_called_so(source, present, request):
        return Built(present, is_new=False, was_run=False, seconds=time.monotonic() - began)
    chosen = plan.toolchain(config.build, git.files(source, config.build.directory))
    submodules = tuple(git.submodules(source))
    job = _job(source, submodules, chosen, recipe, request.lock_wait)
    with connect(config.build.host, config.ssh, report) as session:
        builder = Builder(config, store, report, session, job)
        release, is_new = builder.run(allow_mismatch=request.allow_version_mismatch)
    return Built(release, is_new, True, time.monotonic() - began, builder.sent, builder.hearing.steps)  # noqa: FBT003


def _resolved(config: Config, request: Request) -> Source:
    return git.resolve(
        config.repository,
        tag=request.tag,
        revision=request.revision,
        branch=request.branch,
        tag_prefix=config.tag_prefix,
        verify_tags=config.verify_tags,
    )


def _warn(source: Source, report: Report) -> None:
    changes = git.changes(source.repository)
    if changes:
        files = "1 file" if changes == 1 else f"{changes} files"
        report.warn(f"the working tree differs from HEAD ({files}): what is built is {source.label}, without that")
    if git.uses_lfs(source):
        report.warn("files of this repository are kept in Git LFS: the build sees their pointers only")


def _job(source: Source, submodules: tuple[Submodule, ...], chosen: plan.Toolchain, recipe: str, lock_wait: int) -> Job:
    token = f"{int(time.time())}-{secrets.token_hex(4)}"
    shallow = cuts(packs(source, submodules))
    return Job(source, submodules, shallow, chosen, recipe, token, holder("build", source.label), lock_wait)


@dataclass
class Builder:
    """One build on a connected host.

    Args:
        config: all of the configuration.
        store: where the result goes.
        report: hears of the progress.
        session: to the build host.
        job: what is built.
        sent: bytes of commits that went to the build host.
    """

    config: Config
    store: Store
    report: Report
    session: Session
    job: Job
    sent: int = 0
    hearing: Hearing = field(init=False)

    def __post_init__(self) -> None:
        self.hearing = Hearing(self.session.name, self.report)

    def run(self, *, allow_mismatch: bool) -> tuple[Release, bool]:
        """Build, fetch and keep; return the record, and whether it is new."""
        ready = prepare(self.session, plan.prepare_script(self.config, self.job.chosen))
        self._send(ready)
        self._build(plan.build_script(self.config, self.job))
        result = found(self.hearing.facts)
        with self._output(ready) as fetch:
            self._check(result, allow_mismatch=allow_mismatch)
            return self._keep(fetch, result)

    def _send(self, ready: Ready) -> None:
        build = self.config.build
        sender = Sender(self.session, plan.location(build.host), self.config.app, build.timeout)
        sender.send(self.job.source, self.job.submodules, ready)
        self.sent = sender.sent
        if self.sent:
            self.report.step(self.session.name, f"{self.sent:,} bytes of commits sent")

    def _build(self, script: Script) -> None:
        timeout = self.config.build.timeout + self.job.lock_wait
        done = self.session.run(script, deadline=timeout, stdout=self.hearing.take, check=False)
        if done.status != 0:
            raise self._failure(script, done)

    def _failure(self, script: Script, done: Completed) -> DeliverError:
        host = self.session.name
        if self.hearing.locked:
            return LockedError(
                f"{host}: {self.config.app} is being built by {self.hearing.locked}",
                hint="wait for it with --lock-wait SECONDS",
            )
        if self.hearing.refused is not None:
            kind, why = self.hearing.refused
            return BuildError(f"{host}: {why}", hint=_REFUSED[kind])
        if self.hearing.failed is None:
            return failure(host, script, done.status, done.stderr)
        name, status = self.hearing.failed
        lines = "".join(f"\n  {line}" for line in done.stderr.splitlines()[-SHOWN_LINES:])
        return BuildError(f"{host}: the step {name} failed with status {status}:{lines}", hint=_hint(name))

    @contextlib.contextmanager
    def _output(self, ready: Ready) -> Iterator[Fetch]:
        compression = "none" if self.config.build.host.is_local else ready.compression
        fetch = Fetch(self.session, self.hearing.output, compression, FETCH_TIMEOUT, self.report)
        try:
            yield fetch
        finally:
            # What cannot be removed now is removed by a later build; the result of this one does not depend on it.
            with contextlib.suppress(DeliverError):
                fetch.discard()

    def _check(self, result: Found, *, allow_mismatch: bool) -> None:
        app = self.config.app
        if result.name != app:
            raise BuildError(
                f"the built release is called {result.name}, and `app` in {self.config.file} is {app}",
                hint=f'set app = "{result.name}", or build another release (build.release)',
            )
        _check_version(self.job.source, result.name, result.version, allow_mismatch=allow_mismatch)

    def _keep(self, fetch: Fetch, result: Found) -> tuple[Release, bool]:
        with self.store.writer() as writer:
            missing = self.store.missing(contents(result.manifest))
            new_bytes = fetch.run(result.manifest, missing, writer)
            record = self._record(result, new_bytes)
            kept = writer.publish(record, result.manifest)
        return kept, kept.built_at == record.built_at and kept.commit == record.commit

    def _record(self, result: Found, new_bytes: int) -> Release:
        return Release(
            name=result.name,
            version=result.version,
            target=result.target,
            applications=result.applications,
            kind=self.job.chosen if self.job.chosen != "command" else result.kind,
            includes_erts=result.includes_erts,
            commit=self.job.source.commit,
            tag=self.job.source.tag,
            recipe=self.job.recipe,
            toolchain=self.hearing.toolchain,
            builder=me(),
            build_host=self.session.name,
            built_at=datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            manifest=result.manifest.digest,
            size=result.manifest.size,
            new_bytes=new_bytes,
        )


def _is_called_so(source: Source, present: Release, request: Request) -> bool:
    # A project that takes its version from git gives another release for another tag of one commit: 1.0.0-rc.1, 1.0.0.
    return request.allow_version_mismatch or source.version in {"", present.version}


def _check_version(source: Source, name: str, version: str, *, allow_mismatch: bool) -> None:
    if source.version and version != source.version and not allow_mismatch:
        raise BuildError(
            f"the tag {source.tag} built {name} {version}",
            hint="correct the version in the project and tag again, or add --allow-version-mismatch",
        )


def _hint(step: str) -> str:
    if step in {"checkout", "deps", "compile", "release"}:
        return "the log has everything that it said"
    return f"the hook {step} of [build.hooks] failed; the log has everything that it said"
