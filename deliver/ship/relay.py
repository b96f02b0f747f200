"""Hosts that bring a stream to others: it crosses the operator's line once for all of them."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from deliver.config.schema import Environment, Ssh
from deliver.errors import DeliverError
from deliver.remote.completed import Completed
from deliver.remote.host_keys import known_keys
from deliver.remote.pump import COMMAND
from deliver.remote.resolve import Endpoint, resolve
from deliver.remote.script import script
from deliver.report import Report
from deliver.ship.crew import Site
from deliver.ship.install import PATIENCE, SLOWEST, Cargo, Installer
from deliver.ship.pack import Packs
from deliver.ship.stream import Member, bytes_member, tar, text_member

#: What a host's `ssh` ends with when it could not connect, and its shell when there is no `ssh` to run.
_UNREACHED = frozenset({"255", "127", "126"})


@dataclass(frozen=True)
class Parcel:
    """What goes to one host, and who installs it there."""

    site: Site
    installer: Installer
    cargo: Cargo


@dataclass
class Relays:
    """Finds which hosts get the same stream, and has one bring it to the others; safe to use from several threads.

    Args:
        environment: says whether and how.
        ssh: how hosts are reached.
        report: hears of hosts that could not be brought anything that way.
        packs: has the streams.
        parcels: what goes to each host, by its name.
        sent: bytes that went to hosts which pass them on.
    """

    environment: Environment
    ssh: Ssh
    report: Report
    packs: Packs
    parcels: Mapping[str, Parcel]
    sent: dict[str, int] = field(default_factory=dict)
    _relays: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self._relays = dict(self._chosen())

    def answer(self, name: str) -> Completed | None:
        """Return what came of a host's installation by way of another; None where that is not for it, or failed."""
        relay = self._relays.get(name)
        if relay is None:
            return None
        return self.packs.once(("relay", relay), lambda: self._passed_on(relay)).get(name)

    def way(self, name: str) -> str:
        """Return the host by way of which another gets its stream; empty for none."""
        relay = self._relays.get(name, name)
        return "" if relay == name else relay

    def _chosen(self) -> Iterator[tuple[str, str]]:
        """Yield hosts, and which one brings each its stream: the first that gets the same, of all or of its zone."""
        groups: dict[object, list[str]] = defaultdict(list)
        for name, parcel in self.parcels.items():
            if self.environment.push.via != "none" and not parcel.site.host.is_local:
                zone = parcel.site.host.zone if self.environment.push.via == "zone" else ""
                groups[zone, parcel.installer.key(parcel.cargo)].append(name)
        yield from ((name, names[0]) for names in groups.values() if len(names) > 1 for name in names)

    def _passed_on(self, relay: str) -> dict[str, Completed]:
        targets = [self.parcels[name] for name, by in self._relays.items() if by == relay]
        try:
            return self._run(self.parcels[relay], targets)
        except DeliverError as error:
            self.report.warn(f"{error.message}: nothing goes by way of {relay}; all goes from here")
            return {}

    def _run(self, relay: Parcel, targets: Sequence[Parcel]) -> dict[str, Completed]:
        pack = relay.installer.pack(relay.cargo)
        control = b"".join(tar(_control(targets, self.ssh)))
        total = relay.cargo.shipment.send_bytes

        def tell(sent: int, plain: int) -> None:
            self.sent[relay.site.name] = len(control) + sent
            self.report.progress(relay.site.name, min(plain, total), total)

        def stream() -> Iterator[bytes]:
            yield control
            yield from pack.read(tell)

        made = script("relay.sh", {"root": relay.site.facts.root, "control": len(control)})
        deadline = PATIENCE + (1 + len(targets)) * total / SLOWEST
        done = relay.site.session.run(made, stdin=stream(), deadline=deadline)
        return dict(self._results(done, targets))

    def _results(self, done: Completed, targets: Sequence[Parcel]) -> Iterator[tuple[str, Completed]]:
        for key, values in done.facts():
            if key != "result":
                continue
            number, status, out, err = values
            name, said = targets[int(number)].site.name, base64.b64decode(err).decode("utf-8", "replace")
            if status in _UNREACHED:
                why = said.strip().splitlines()[-1:] or ["no reason was given"]
                self.report.warn(f"{name} gets its files from here: the way there from another host fails: {why[0]}")
            else:
                yield name, Completed(int(status), base64.b64decode(out), said)


def _control(targets: Sequence[Parcel], ssh: Ssh) -> Iterator[Member]:
    relay, *others = targets
    endpoints = [resolve(one.site.host, ssh) for one in others]
    yield text_member("known_hosts", "".join(_known(endpoints)))
    for number, one in enumerate([relay, *others]):
        endpoint = endpoints[number - 1] if number else None
        wire = one.installer.wire(one.cargo)
        yield text_member(f"{number}.to", f"{_address(endpoint)}\n")
        yield text_member(f"{number}.command", COMMAND.format(size=len(wire)))
        yield bytes_member(f"{number}.wire", wire)


def _address(endpoint: Endpoint | None) -> str:
    if endpoint is None:
        return "here"
    return "\t".join([endpoint.address, str(endpoint.port), endpoint.user, endpoint.key_name])


def _known(endpoints: Iterable[Endpoint]) -> Iterator[str]:
    for endpoint in endpoints:
        yield from (f"{endpoint.key_name} {kind} {blob}\n" for kind, blob in known_keys(endpoint).trusted)
