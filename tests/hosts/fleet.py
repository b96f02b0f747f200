"""Several hosts on one network, and what an operator needs to reach them."""

from __future__ import annotations

import fcntl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from tests.hosts import disk, leftovers, network
from tests.hosts.host import Host

if TYPE_CHECKING:
    from typing_extensions import Self

FIRST_HOST = 11
LAST_FLEET = 250


class Fleet:
    """Hosts that are up while the fleet is open: `with Fleet(["prod1"]) as fleet: fleet["prod1"].shell("id")`.

    Args:
        names: the hosts' names.
        name: what to call the fleet; for `sweep`.
        keep: whether the hosts outlive this process; `sweep` takes them away.
    """

    def __init__(self, names: Sequence[str], *, name: str = "test", keep: bool = False) -> None:
        self.name = name
        self.keep = keep
        self.hosts: dict[str, Host] = {}
        self._names = tuple(names)
        self._lock: TextIO | None = None
        self._number = 0

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    def __enter__(self) -> Self:
        leftovers.sweep()
        try:
            self._claim()
            self._boot()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.keep and error is None:
            (self.directory / "keep").touch()
        else:
            self.close()

    @property
    def link(self) -> str:
        """The network interface through which the operator reaches all hosts."""
        return network.bridge(self._number)

    @property
    def directory(self) -> Path:
        """Where everything of the fleet is kept."""
        return leftovers.BASE / str(self._number)

    @property
    def identity(self) -> Path:
        """The private key that opens every account of every host."""
        return self.directory / "identity"

    @property
    def ssh_config(self) -> Path:
        """An ssh_config that knows all hosts by name, and the user `deploy`."""
        return self.directory / "ssh_config"

    @property
    def known_hosts(self) -> Path:
        """The hosts' keys as they were when the fleet was made, or last trusted."""
        return self.directory / "known_hosts"

    def close(self) -> None:
        """Take the fleet away, whatever state it is in."""
        if self._lock is not None:
            with leftovers.registry():
                leftovers.remove(self.directory)
            self._lock.close()
            self._lock = None
        for host in self.hosts.values():
            host.down()

    def trust(self) -> None:
        """Write the hosts' present keys into `known_hosts`."""
        lines = [f"{host.name},{host.address} {host.host_key}\n" for host in self.hosts.values()]
        self.known_hosts.write_text("".join(lines))

    def mend(self) -> None:
        """Bring every host back to how it was made: up, empty, with the key that is known."""
        for host in self.hosts.values():
            host.up()
            host.wipe()
        self.trust()

    def _claim(self) -> None:
        with leftovers.registry():
            # Making the bridge is what claims a number: another registry, in a container, may share our network.
            taken = next((number for number in range(LAST_FLEET) if self._takes(number)), None)
            if taken is None:
                raise RuntimeError("no network for hosts: `ip link add name dlv0 type bridge` says why")
            self._number = taken
            self.directory.mkdir(mode=0o700)
            self._lock = (self.directory / "lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            (self.directory / "name").write_text(self.name)

    def _takes(self, number: int) -> bool:
        taken = (leftovers.BASE / str(number)).exists() or not network.is_free(number)
        return not taken and network.make_bridge(number)

    def _boot(self) -> None:
        for number, name in enumerate(self._names, FIRST_HOST):
            self.hosts[name] = Host(name, self._number, number, self.directory / "hosts" / name)
        disk.make_key(self.identity, "operator")
        with ThreadPoolExecutor() as pool:
            list(pool.map(self._make_disk, self.hosts.values()))
        self._write_ssh_config()
        self.trust()
        self._power_on()

    def _make_disk(self, host: Host) -> None:
        addresses = {one.name: one.address for one in self.hosts.values()}
        public = self.identity.with_suffix(".pub").read_text()
        disk.make(host.path("/"), host.name, addresses, public)

    def _power_on(self) -> None:
        hosts = self.hosts.values()
        for host in hosts:
            host.power_on()
        network.connect(self._number, [host.made() for host in hosts])
        for host in hosts:
            host.plugged()
        for host in hosts:
            host.booted()

    def _write_ssh_config(self) -> None:
        hosts = "".join(f"Host {host.name}\n  HostName {host.address}\n" for host in self.hosts.values())
        self.ssh_config.write_text(
            f"{hosts}Host *\n"
            "  User deploy\n"
            f"  IdentityFile {self.identity}\n"
            "  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {self.known_hosts}\n"
            "  GlobalKnownHostsFile /dev/null\n"
            "  StrictHostKeyChecking yes\n"
            "  BatchMode yes\n"
        )
