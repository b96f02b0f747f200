"""Hosts for a person at a terminal: `python -m tests.hosts up NAME HOST...` and `python -m tests.hosts down NAME`."""

from __future__ import annotations

import sys

from tests.hosts import Fleet, obstacle, sweep


def main(arguments: list[str]) -> int:
    """Do what the command line says; `up` prints the fleet's directory."""
    reason = obstacle()
    if reason:
        sys.stderr.write(f"{reason}\n")
        return 69
    match arguments:
        case ["up", name, *hosts] if hosts:
            sweep(name)
            with Fleet(hosts, name=name, keep=True) as fleet:
                sys.stdout.write(f"{fleet.directory}\n")
        case ["down", name]:
            sweep(name)
        case _:
            sys.stderr.write(f"{__doc__}\n")
            return 64
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
