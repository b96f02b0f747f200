"""Runs the cases and prints one table: `scripts/bench [--json] [CASE...]`."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.bench import rolls
from tests.bench.bench import NODES, Bench
from tests.bench.cases import CASES, LONG, run
from tests.bench.measure import table
from tests.hosts import Fleet, obstacle


def main() -> int:
    """Run what was asked for; 1 when something that is wanted was missed."""
    options = _options()
    reason = obstacle()
    if reason:
        sys.exit(f"bench: {reason}")
    rows = []
    hosts = ["build1", *NODES, *rolls.HOSTS, rolls.BALANCER]
    with tempfile.TemporaryDirectory() as directory, Fleet(hosts, name="bench") as fleet, ExitStack() as stack:
        for row in run(
            Bench(fleet, Path(directory), stack=stack), options.cases or [name for name in CASES if name not in LONG]
        ):
            print(f"{row.case}: {row.ours.seconds:.2f} s, plain {row.plain.seconds:.2f} s", file=sys.stderr)
            rows.append(row)
    print(json.dumps([row.document() for row in rows], indent=2) if options.json else table(rows))
    return int(any(row.met is False for row in rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measures deliver beside the plain way.")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    parser.add_argument(
        "cases",
        nargs="*",
        metavar="CASE",
        help=f"which cases: {', '.join(CASES)}; without any, all but {', '.join(LONG)}",
    )
    options = parser.parse_args()
    unknown = [case for case in options.cases if case not in CASES]
    if unknown:
        parser.error(f"no such case: {', '.join(unknown)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
