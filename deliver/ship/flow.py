"""Deploying one version to the hosts of an environment: facts, checks, bytes, and the start when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from deliver.config.schema import Config, Environment, Host
from deliver.errors import LockedError, TargetError
from deliver.node.facts import Facts
from deliver.otp.manifest import Manifest
from deliver.otp.release import Release
from deliver.remote.fleet import raise_failures
from deliver.remote.who import told
from deliver.report import Report
from deliver.secret import Secret
from deliver.ship import cookie, host_files
from deliver.ship.crew import Crew, Site, agreed
from deliver.ship.install import Cargo, Installed, Installer
from deliver.ship.pack import Packs
from deliver.ship.patch import MOST, Reference, reference
from deliver.ship.plan import Shipment, plan, problems, wrong_target
from deliver.ship.relay import Parcel, Relays
from deliver.ship.start import Starter
from deliver.ship.stream import Member
from deliver.ship.survey import Survey, ask_cookie, survey
from deliver.store.store import Store


@dataclass(frozen=True)
class Request:
    """What to deploy, and where.

    Args:
        version: exact, or `latest`.
        environment: where.
        hosts: those of its hosts that are meant.
        start: whether the version is started.
        lock_wait: seconds to wait for a host's lock.
    """

    version: str
    environment: Environment
    hosts: tuple[Host, ...]
    start: bool = False
    lock_wait: int = 0


@dataclass(frozen=True)
class Row:
    """What came of one host.

    Args:
        host: its name.
        state: `waiting`, `present`, `installed`, `failed`, `running`, `started`, `restarted`, `not started`.
        files: files of the release that were sent.
        changed: files of the configuration, and the cookie, that were written.
        sent: bytes that went there.
        seconds: how long it took to install and to start.
    """

    host: str
    state: str = "waiting"
    files: int = 0
    changed: int = 0
    sent: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Load:
    """A host, and what is to go there."""

    site: Site
    release: Release
    manifest: Manifest
    survey: Survey
    shipment: Shipment
    cookie_place: str


@dataclass
class Deployment:
    """One deployment; `rows` tell what came of it, also when it failed.

    Args:
        config: all of the configuration.
        store: has the release.
        report: hears of the progress.
        request: what to deploy, and where.
    """

    config: Config
    store: Store
    report: Report
    request: Request
    version: str = ""
    rows: dict[str, Row] = field(default_factory=dict)
    _activated: set[str] = field(default_factory=set)

    def run(self) -> None:
        """Deploy.

        Raises:
            UsageError: the store does not have the version.
            UnreachableError: a host does not answer; nothing was changed anywhere.
            TargetError: a host cannot have the version; nothing was changed anywhere.
            LockedError: somebody else is at work on a host.
            FleetError: several hosts failed.
            MixedFleetError: the version was started on some hosts and not on others.
        """
        builds = self._builds()
        with self.store.reader(), Crew(self.config.ssh, self.report, self.config.app) as crew:
            sites = agreed(crew.reach(self.request.hosts))
            crew.refuse_locked(self.request.environment, sites)
            self.bring(crew, sites, builds)

    def bring(self, crew: Crew, sites: Sequence[Site], builds: Sequence[Release] = ()) -> None:
        """Deploy to hosts that were reached; see `run`.

        Args:
            crew: whose sites they are; the store is being read.
            sites: the hosts.
            builds: of the version, where they are known.
        """
        found = builds or self._builds()
        chosen = agreed(crew.each(sites, lambda site: (site, fitting(site.facts, found))))
        self.rows = {site.name: Row(site.name, "present") for site in sites}
        self._ship(crew, chosen)
        if self.request.start:
            self._start(chosen)

    @property
    def is_idle(self) -> bool:
        """Whether every host had all of it before."""
        return all(row.state in {"present", "running"} and not row.changed for row in self.rows.values())

    @cached_property
    def _files(self) -> Mapping[str, list[Member]]:
        return {self.version: host_files.members(self.request.environment.files, self.version)}

    def _builds(self) -> list[Release]:
        app, version = self.config.app, self.request.version
        known = self.store.releases(app)
        self.version = known[-1].version if version == "latest" and known else version
        builds = [one for one in known if one.version == self.version]
        return builds or [self.store.find(app, version)]

    def _ship(self, crew: Crew, chosen: Sequence[tuple[Site, Release]]) -> None:
        lacking = [(site, release) for site, release in chosen if not self._is_complete(site.facts, release)]
        if not lacking:
            return
        releases = {site.name: release for site, release in lacking}
        loads = agreed(crew.each([site for site, _ in lacking], lambda site: self._load(site, releases[site.name])))
        cookies = self._cookies(crew, loads, [site for site, _ in chosen if site.name not in releases])
        by_host = {load.site.name: load for load in loads}
        sites = [load.site for load in loads]
        with Packs() as packs:
            parcels = agreed(crew.each(sites, lambda site: self._parcel(by_host[site.name], cookies, packs)))
            by_name = {one.site.name: one for one in parcels}
            relays = Relays(self.request.environment, self.config.ssh, self.report, packs, by_name)
            outcomes = crew.each(sites, lambda site: self._install(by_host[site.name], relays))
        for outcome in outcomes:
            if outcome.error is not None:
                self.rows[outcome.name] = replace(self.rows[outcome.name], state="failed")
        raise_failures(outcomes)

    def _is_complete(self, facts: Facts, release: Release) -> bool:
        present, wanted = facts.has(release.version), self.request.environment
        if present is None or not facts.permanent or present.overlaid or wanted.files or wanted.cookie is not None:
            return False
        return present.manifest == release.manifest and (facts.has_cookie or release.kind != "mix")

    def _load(self, site: Site, release: Release) -> Load:
        manifest = self.store.manifest(release)
        place = cookie.place(release, manifest, self.store, site.facts)
        seen = survey(site.session, site.facts, release, self.store, place)
        self._refuse_locked(site, seen)
        try:
            shipment = self._plan(release, manifest, seen)
        except TargetError as error:
            raise TargetError(f"{site.name}: {error.message}", hint=error.hint) from error
        _refuse_unfit(site, shipment, seen)
        return Load(site, release, manifest, seen, shipment, place)

    def _plan(
        self, release: Release, manifest: Manifest, seen: Survey, resend: frozenset[str] = frozenset()
    ) -> Shipment:
        return plan(release, manifest, seen.has, templates=self.request.environment.files.keys(), resend=resend)

    def _refuse_locked(self, site: Site, seen: Survey) -> None:
        if seen.locked and not self.request.lock_wait:
            raise LockedError(
                f"{site.name}: {told(seen.locked)} is at work there", hint="try again later, or use --lock-wait"
            )

    def _cookies(self, crew: Crew, loads: Sequence[Load], complete: Sequence[Site]) -> cookie.Cookies:
        has = {load.site.name: load.survey.cookie for load in loads if load.cookie_place}
        shared = any(load.cookie_place.endswith("/.erlang.cookie") for load in loads)
        configured = self.request.environment.cookie
        unknown = bool(has) and configured is None and not any(has.values())
        elsewhere = self._cookie_elsewhere(crew, loads[0].release, complete) if unknown else None
        cookies = cookie.decide(configured, has, elsewhere=elsewhere, shared=shared)
        for warning in cookies.warnings:
            self.report.warn(warning)
        return cookies

    def _cookie_elsewhere(self, crew: Crew, release: Release, complete: Sequence[Site]) -> Secret | None:
        found = self._first_cookie(complete, release)
        if found is not None:
            return found
        others = crew.reach(host for host in self.request.environment.hosts if host not in self.request.hosts)
        for reached in others:
            if reached.value is None:
                self.report.warn(f"{reached.name} could not be asked for the environment's Erlang cookie")
        return self._first_cookie([reached.value for reached in others if reached.value is not None], release)

    def _first_cookie(self, sites: Sequence[Site], release: Release) -> Secret | None:
        for site in sites:
            place = cookie.place(release, self.store.manifest(release), self.store, site.facts)
            found = ask_cookie(site.session, site.facts, place)
            if found is not None:
                return found
        return None

    def _parcel(self, load: Load, cookies: cookie.Cookies, packs: Packs) -> Parcel:
        site, shipment = load.site, load.shipment
        cargo = Cargo(
            shipment,
            base=load.survey.has[shipment.base] if shipment.base is not None else None,
            reference=self._reference(load, packs),
            files=self._files[self.version],
            cookie_place=load.cookie_place,
            cookie=cookies.given.get(site.name),
            cookie_again=cookies.replaces,
        )
        wait = self.request.lock_wait
        return Parcel(site, Installer(site.session, site.facts, self.store, self.report, packs, wait), cargo)

    def _install(self, load: Load, relays: Relays) -> Installed:
        site, parcel = load.site, relays.parcels[load.site.name]
        brought, again = relays.answer(site.name), self._again(load)
        if brought is None:
            installed = parcel.installer.install(parcel.cargo, again)
        else:
            installed = parcel.installer.take(parcel.cargo, brought, again)
            installed = replace(installed, sent=installed.sent + relays.sent.get(site.name, 0))
        changed, seconds = installed.changed + installed.cookie, round(installed.seconds, 2)
        self.rows[site.name] = Row(site.name, installed.state, installed.files, changed, installed.sent, seconds)
        if installed.activated:
            self._activated.add(site.name)
        way = relays.way(site.name) if brought is not None else ""
        self.report.step(site.name, _told(self.version, installed) + (f", by way of {way}" if way else ""))
        return installed

    def _reference(self, load: Load, packs: Packs) -> Reference | None:
        has, shipment, templates = load.survey.has, load.shipment, self.request.environment.files.keys()
        if "zstd_patch" not in load.site.facts.tools or load.site.facts.free < shipment.disk + MOST:
            return None
        key = (shipment.send, tuple((version, has[version].digest) for version in sorted(has)))
        return packs.once(key, lambda: reference(shipment, has, self.store, templates=templates))

    def _again(self, load: Load) -> Callable[[frozenset[str]], Shipment]:
        return lambda paths: self._plan(load.release, load.manifest, load.survey, paths)

    def _start(self, chosen: Sequence[tuple[Site, Release]]) -> None:
        for site, _ in chosen:
            self._tell(site.name, "not started")
        request = self.request
        starter = Starter(request.environment, self.config.app, self.report, request.lock_wait, self._tell)
        starter.start([(self._as_it_is_now(site), release) for site, release in chosen])
        unread = [row.host for row in self.rows.values() if row.state == "running" and row.changed]
        if unread:
            hosts = "".join(f" --host {name}" for name in unread)
            self.report.warn(
                f"{', '.join(unread)}: the node runs as it was configured before; "
                f"to take over what was written: invoke restart --on {request.environment.name}{hosts}"
            )

    def _as_it_is_now(self, site: Site) -> Site:
        if site.name not in self._activated:
            return site
        return replace(site, facts=replace(site.facts, permanent=self.version))

    def _tell(self, host: str, state: str, seconds: float = 0.0) -> None:
        row = self.rows[host]
        self.rows[host] = replace(row, state=state, seconds=round(row.seconds + seconds, 2))


def fitting(facts: Facts, builds: Sequence[Release]) -> Release:
    """Return the build of a version that a host can run.

    Raises:
        TargetError: it can run none of them.
    """
    reasons = []
    for release in builds:
        why = list(wrong_target(release, facts))
        if not why:
            return release
        reasons += why
    raise TargetError(
        "\n".join(f"{facts.host} {why}" for why in reasons),
        hint="build the version on a host like it",
    )


def _refuse_unfit(site: Site, shipment: Shipment, seen: Survey) -> None:
    why = list(problems(shipment, site.facts))
    if seen.unwritable:
        why.append(
            f"{site.facts.user} may not write in {seen.unwritable}: make {site.facts.root}, and give it to that user"
        )
    if not shipment.release.includes_erts and seen.erts != shipment.release.target.erts:
        has = f"has ERTS {seen.erts}" if seen.erts else "has no ERTS"
        why.append(f"{has}, and the release, which carries none, needs {shipment.release.target.erts}")
    if why:
        raise TargetError("\n".join(f"{site.name} {one}" for one in why))


def _told(version: str, installed: Installed) -> str:
    changed = f", {_files(installed.changed)} of the configuration written" if installed.changed else ""
    changed += ", the Erlang cookie written" if installed.cookie else ""
    if installed.state == "present":
        return f"has {version} already{changed}"
    size = f"{installed.sent / 1e6:.1f} MB" if installed.sent >= 1e6 else f"{installed.sent / 1e3:.1f} kB"  # noqa: PLR2004
    first = ", the version to start" if installed.activated else ""
    return f"installed {version}: {_files(installed.files)}, {size} sent in {installed.seconds:.1f} s{changed}{first}"


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
