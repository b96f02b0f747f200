"""One host: the stream that brings it a version, and what its install script answers."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace

from deliver.errors import DeliverError, LockedError, RemoteError, StoreError, TargetError
from deliver.node.facts import Facts
from deliver.otp.manifest import Entry, Manifest
from deliver.otp.releases_file import term
from deliver.remote.completed import Completed
from deliver.remote.script import Argument, Script, script
from deliver.remote.session import Session
from deliver.remote.who import holder, journal_name, told
from deliver.report import Report
from deliver.secret import Secret
from deliver.ship.delta import delta
from deliver.ship.pack import Pack, Packs
from deliver.ship.patch import Reference
from deliver.ship.paths import is_versioned
from deliver.ship.plan import Copy, Shipment
from deliver.ship.stream import Member, compressed, tar, text_member
from deliver.store.store import Store

#: Seconds that an installation may take besides its bytes, and the slowest network that is waited for, in bytes/s.
PATIENCE = 300.0
SLOWEST = 50_000

_LOCKED, _DAMAGED, _TAKEN, _UNLIKE, _FULL = 75, 65, 66, 67, 28
#: How often a host may turn out to have other files than it said.
_TRIES = 3
_PARTS = ("lock.sh", "layout.sh")


@dataclass(frozen=True)
class Cargo:
    """What goes to one host.

    Args:
        shipment: the version, and what of it the host lacks.
        base: the manifest that the new one is told from; None when there is none.
        reference: what the stream is told from; the host must be able to do that. None for nothing.
        files: the configuration's own files.
        cookie_place: the file on the host that holds the Erlang cookie; empty for none.
        cookie: the cookie to put there; None to leave it.
        cookie_again: whether it takes the place of another one.
    """

    shipment: Shipment
    base: Manifest | None = None
    reference: Reference | None = None
    files: Sequence[Member] = ()
    cookie_place: str = ""
    cookie: Secret | None = None
    cookie_again: bool = False

    @property
    def key(self) -> Hashable:
        """What the stream depends on, besides the configuration's own files, which all hosts get alike."""
        shipment = self.shipment
        base = self.base.digest if self.base else ""
        reference = self.reference.digest if self.reference else ""
        return shipment.release, shipment.send, shipment.copies, base, reference, self.cookie


@dataclass(frozen=True)
class Installed:
    """What an installation did.

    Args:
        state: `installed`, or `present` when the version was there already.
        activated: whether it became the version to start, being the host's first one.
        files: files of the release that were sent.
        changed: files of the configuration that were written.
        cookie: whether a version that was there already got the Erlang cookie.
        sent: bytes that went to the host.
        seconds: how long it took.
    """

    state: str
    activated: bool = False
    files: int = 0
    changed: int = 0
    cookie: bool = False
    sent: int = 0
    seconds: float = 0.0


@dataclass
class Installer:
    """Installs on one host.

    Args:
        session: an open session to it.
        facts: what it said of itself.
        store: has the contents.
        report: hears of the progress.
        packs: has the streams that several hosts get.
        wait: seconds to wait for the host's lock.
    """

    session: Session
    facts: Facts
    store: Store
    report: Report
    packs: Packs
    wait: int = 0
    _sent: int = 0

    def install(self, cargo: Cargo, again: Callable[[frozenset[str]], Shipment]) -> Installed:
        """Bring the cargo to the host.

        Args:
            cargo: what goes there.
            again: plans anew, sending these paths; called when the host's own copies turn out to be damaged.

        Raises:
            LockedError: somebody else is at work there.
            TargetError: its disk is full, or files in their place are not what they should be.
            StoreError: the store has not what it should have.
            RemoteError: the script failed.
        """
        began = time.monotonic()
        installed = self._pushed(cargo, again)
        return replace(installed, sent=self._sent, seconds=time.monotonic() - began)

    def take(self, cargo: Cargo, completed: Completed, again: Callable[[frozenset[str]], Shipment]) -> Installed:
        """Return what came of an installation that was brought by way of another host; if need be, do it from here.

        Args:
            cargo: what went there.
            completed: what the script said there.
            again: see `install`.
        """
        try:
            return self._judge(cargo.shipment, completed)
        except (_UnlikeError, _CopiesDamagedError):
            return self.install(cargo, again)

    def wire(self, cargo: Cargo) -> bytes:
        """Return what goes before the stream when it is brought by another host."""
        return self._script(cargo).wire(deadline=self._deadline(cargo), takes_stdin=True)

    def pack(self, cargo: Cargo) -> Pack:
        """Return the stream, which other hosts may get too."""
        root, kind, size = self.facts.root, self._kind, cargo.shipment.send_bytes
        reference = cargo.reference.content if cargo.reference else b""

        def make(told: Callable[[int], None]) -> Iterator[bytes]:
            return compressed(tar(members(cargo, root, self.store)), kind, told, reference=reference, size=size)

        return self.packs.once(self.key(cargo), lambda: Pack(make))

    def key(self, cargo: Cargo) -> Hashable:
        """Return what the stream depends on."""
        return self.facts.root, self._kind, cargo.key

    @property
    def _kind(self) -> str:
        return "zstd" if "zstd" in self.facts.tools else "gzip"

    def _pushed(self, cargo: Cargo, again: Callable[[frozenset[str]], Shipment]) -> Installed:
        for _ in range(_TRIES - 1):
            try:
                return self._push(cargo)
            except _UnlikeError as error:
                self.report.warn(error.message)
                cargo = replace(cargo, reference=None)
            except _CopiesDamagedError as error:
                self.report.warn(error.message)
                cargo = replace(cargo, shipment=again(error.paths), reference=None)
        return self._push(cargo)

    def _push(self, cargo: Cargo) -> Installed:
        total = cargo.shipment.send_bytes
        before = self._sent

        def tell(sent: int, plain: int) -> None:
            self._sent = before + sent
            self.report.progress(self.session.name, min(plain, total), total)

        stream = self.pack(cargo).read(tell)
        completed = self.session.run(self._script(cargo), stdin=stream, deadline=self._deadline(cargo), check=False)
        return self._judge(cargo.shipment, completed)

    def _deadline(self, cargo: Cargo) -> float:
        return PATIENCE + self.wait + cargo.shipment.send_bytes / SLOWEST

    def _script(self, cargo: Cargo) -> Script:
        shipment, reference = cargo.shipment, cargo.reference
        given: dict[str, Argument] = {
            "reference": "\n".join(reference.paths) if reference else "",
            "reference_digest": reference.digest if reference else "",
            "root": self.facts.root,
            "who": journal_name(),
            "holder": holder("install", shipment.version),
            "wait": self.wait,
            "version": shipment.version,
            "erts": shipment.release.target.erts,
            "digest": shipment.manifest.digest,
            "base": shipment.base or "",
            "format": self._kind,
            "token": secrets.token_hex(8),
            "cookie": cargo.cookie_place,
            "cookie_again": "yes" if cargo.cookie_again else "no",
        }
        return script("install.sh", given, parts=_PARTS)

    def _judge(self, shipment: Shipment, completed: Completed) -> Installed:
        said = list(completed.facts())
        if completed.status == 0:
            words = {key: values[0] for key, values in said if values}
            present = words["state"] == "present"
            return Installed(
                state=words["state"],
                activated="activated" in words,
                files=0 if present else len(shipment.send),
                changed=int(words["files"]),
                cookie="cookie" in words,
            )
        raise self._failure(shipment, completed, said)

    def _failure(self, shipment: Shipment, completed: Completed, said: list[tuple[str, list[str]]]) -> DeliverError:
        name = self.session.name
        if completed.status == _LOCKED:
            who = next((values[0] for key, values in said if key == "locked"), "")
            return LockedError(f"{name}: {told(who)} is at work there", hint="try again later, or use --lock-wait")
        if completed.status == _DAMAGED:
            return self._damaged(shipment, frozenset(values[0] for key, values in said if key == "damaged"))
        if completed.status == _UNLIKE:
            return _UnlikeError(f"{name}: has other files than it should, so all of what it lacks is sent")
        if completed.status == _TAKEN:
            paths = [values[0] for key, values in said if key == "taken"]
            return TargetError(
                f"{name}: files of nobody's with other content are in the way: {_few(paths)}",
                hint=f"look at them below {self.facts.root}, and move them away",
            )
        return self._failed(completed)

    def _damaged(self, shipment: Shipment, damaged: frozenset[str]) -> DeliverError:
        name = self.session.name
        # A file whose copying failed is looked for in its place: the host cannot tell it from one to keep.
        kept = sorted(damaged - {entry.path for entry in shipment.new})
        if kept:
            return TargetError(
                f"{name}: installed files are damaged: {_few(kept)}",
                hint=f"they are in use by other versions: put them right by hand below {self.facts.root}",
            )
        sent = sorted(damaged - {copy.entry.path for copy in shipment.copies})
        if not sent:
            return _CopiesDamagedError(
                f"{name}: has damaged files, which are sent anew: {_few(sorted(damaged))}", damaged
            )
        return StoreError(
            f"{name}: these arrived damaged: {_few(sent)}",
            hint="`store-verify` tells whether the store is damaged; else run the same command again",
        )

    def _failed(self, completed: Completed) -> DeliverError:
        lines = [line for line in completed.stderr.splitlines() if line.startswith("deliver: ")]
        why = lines[-1].removeprefix("deliver: ") if lines else f"installing failed with status {completed.status}"
        name, after = self.session.name, "it is as it was before"
        disk = _disk_trouble(completed)
        if disk:
            hint = f"make room below {self.facts.root}, then run the same command again"
            return TargetError(f"{name}: {disk}: {why}; {after}", hint=hint)
        return RemoteError(f"{name}: {why}; {after}", status=completed.status, output=completed.stderr)


class _CopiesDamagedError(DeliverError):
    """What the host has is not what it should be, but may be sent."""

    def __init__(self, message: str, paths: frozenset[str]) -> None:
        super().__init__(message)
        self.paths = paths


class _UnlikeError(DeliverError):
    """What the stream was told from is not what the host has."""


def _disk_trouble(completed: Completed) -> str:
    if completed.status == _FULL or "No space left on device" in completed.stderr:
        return "the disk is full"
    # All that dash tells of a full disk.
    return "the disk is full, or broken" if "I/O error" in completed.stderr else ""


def members(cargo: Cargo, root: str, store: Store) -> Iterator[Member]:
    """Yield what the stream carries, in the order that `install.sh` explains."""
    shipment = cargo.shipment
    yield text_member("meta/delta", delta(shipment.manifest, cargo.base))
    yield text_member("meta/copy", copy_list(shipment))
    yield text_member("meta/overlays", "".join(f"{file.name}\n" for file in cargo.files))
    if cargo.cookie is not None:
        yield text_member("meta/cookie", cargo.cookie.reveal)
    record = json.dumps(shipment.release.to_json(), sort_keys=True)
    yield text_member("version/release.json", f"{record}\n", 0o644)
    yield text_member("version/release.term", f"{term(shipment.release, root)}\n", 0o644)
    for file in cargo.files:
        yield replace(file, name=f"overlay/{file.name}")
    for entry in shipment.send:
        yield _member(entry, shipment.version, store)
    yield text_member("meta/end", "")


def copy_list(shipment: Shipment) -> str:
    """Return what the host copies, a line each: from where, to where, the name, and its new name if that differs."""
    return "".join(sorted(_copy_line(copy, shipment.version) for copy in shipment.copies))


def _copy_line(copy: Copy, version: str) -> str:
    source, name = _split(copy.source)
    target, new_name = _split(_staged(copy.entry, version))
    fields = [source, target, name] if name == new_name else [source, target, name, new_name]
    return "\t".join(fields) + "\n"


def _split(path: str) -> tuple[str, str]:
    directory, _, name = path.rpartition("/")
    return directory or ".", name


def _staged(entry: Entry, version: str) -> str:
    place = "tree" if is_versioned(entry.path, version) else "version/unversioned"
    return f"{place}/{entry.path}"


def _member(entry: Entry, version: str, store: Store) -> Member:
    name = _staged(entry, version)
    if entry.kind == "link":
        return Member(name, entry.mode, target=entry.target)
    return Member(name, entry.mode, entry.size, lambda: store.read(entry.sha256))


def _few(paths: Sequence[str], most: int = 5) -> str:
    rest = len(paths) - most
    return ", ".join(paths[:most]) + (f" and {rest} more" if rest > 0 else "")
