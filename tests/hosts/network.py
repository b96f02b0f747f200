"""The network between a fleet's hosts and the operator: a bridge with an address, and a cable to each host."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path

#: What the names of all our network links begin with.
PREFIX = "dlv"
OPERATOR = 1


def bridge(number: int) -> str:
    """Return the name of a fleet's bridge."""
    return f"{PREFIX}{number}"


def cable(number: int, host: int) -> str:
    """Return the name of our end of the cable to a host."""
    return f"{PREFIX}{number}h{host}"


def address(number: int, host: int) -> str:
    """Return the address of a host in the subnet of its fleet."""
    return f"10.213.{number}.{host}"


def card(number: int, host: int) -> str:
    """Return the hardware address of a host: always the same one, for others remember it over a reboot of the host."""
    return f"02:64:6c:76:{number:02x}:{host:02x}"


def is_free(number: int) -> bool:
    """Tell whether no link and no route of this machine is in the way of a fleet."""
    routes = _ip("-json", "route", "show", "root", f"{address(number, 0)}/24")
    return not json.loads(routes or "[]") and not Path("/sys/class/net", bridge(number)).exists()


def make_bridge(number: int) -> bool:
    """Make the bridge of a fleet, with the operator's address on it; tell whether it was not there before."""
    name = bridge(number)
    line = ["ip", "link", "add", name, "address", card(number, OPERATOR), "type", "bridge"]
    if subprocess.run(line, check=False, capture_output=True).returncode:
        return False
    _batch([f"addr add {address(number, OPERATOR)}/24 dev {name}", f"link set {name} up"])
    return True


def connect(number: int, keepers: Iterable[tuple[int, int]]) -> None:
    """Lay a cable to each host: pairs of the host's number and a process id in its network namespace."""
    lines = []
    for host, pid in keepers:
        name = cable(number, host)
        lines += [
            f"link add {name} type veth peer name eth0 address {card(number, host)} netns {pid}",
            f"link set {name} master {bridge(number)} up",
        ]
    _batch(lines)


def disconnect(number: int, host: int) -> None:
    """Take away the cable to a host, if it is still there."""
    _remove(cable(number, host))


def cut(number: int, host: int, *, whole: bool) -> None:
    """Cut the cable to a host, or with `whole` make it whole again: packets are lost, and nobody is told."""
    _ip("link", "set", cable(number, host), "up" if whole else "down")


def remove(number: int) -> None:
    """Take away the bridge of a fleet and all its cables."""
    for link in Path("/sys/class/net").glob(f"{bridge(number)}h*"):
        _remove(link.name)
    _remove(bridge(number))


def _remove(name: str) -> None:
    # The kernel takes a cable away by itself a moment after its host's namespace has ended.
    subprocess.run(["ip", "link", "del", name], check=False, capture_output=True)


def _batch(lines: list[str]) -> None:
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], text=True, check=True, stdout=subprocess.PIPE).stdout
