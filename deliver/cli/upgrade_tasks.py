"""The tasks of hot upgrades: a pair is made and proven, installed on running nodes, and taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deliver.cli.command import Run, command

if TYPE_CHECKING:
    from deliver.upgrade.deploy import HotDeployment
    from deliver.upgrade.flow import Made
    from deliver.upgrade.sides import Side

_COLUMNS = ("host", "state", "ran", "runs", "ms")
_HOSTS = {
    "host": "Only this host of the environment; may be repeated.",
    "role": "Only hosts with this role; may be repeated.",
    "probation": "Seconds to watch a node before it also boots the version; by default upgrade.probation.",
    "unproven": "Use a pair also when its rehearsal failed: the node may be restarted by it.",
    "lock_wait": "Seconds to wait while somebody else is at work on a host.",
}


@command(
    help={
        "from_": "The version that runs, or its tag; it is built when the store lacks it.",
        "with_": "The version that runs, as the store has it; it is never built.",
        "from_archive": "A .tar.gz of the release that runs.",
        "to": "The version that is to run, or its tag; it is built when the store lacks it.",
        "to_archive": "A .tar.gz of the release that is to run.",
        "target": "What both run on, when archives do not say it or the store has several: linux-x86_64-glibc.",
        "on": "Rehearse on this host of an environment (production/web1), in its surroundings; else on the build host.",
        "again": "Rehearse also a pair that the store has.",
        "hints": "A file in place of .deliver/upgrade.toml at the new tag, or a directory in place of .deliver.",
        "relup": "A relup of your own, to be rehearsed and kept in place of ours.",
        "replan": "Give up a relup that was edited, and plan anew.",
        "lock_wait": "Seconds to wait while somebody else builds the same application on the build host.",
    },
)
def build_upgrade(
    run: Run,
    *,
    from_: str = "",
    with_: str = "",
    from_archive: str = "",
    to: str = "",
    to_archive: str = "",
    target: str = "",
    on: str = "",
    again: bool = False,
    hints: str = "",
    relup: str = "",
    replan: bool = False,
    lock_wait: int = 0,
) -> int:
    """Build the hot upgrade between two versions, and prove it: both are booted, upgraded, downgraded and compared."""
    from deliver.cli import select
    from deliver.store.store import Store
    from deliver.upgrade.flow import Request
    from deliver.upgrade.flow import build_upgrade as build
    from deliver.upgrade.relups import edited

    old = _side({"--from": from_, "--with": with_, "--from-archive": from_archive})
    new = _side({"--to": to, "--to-archive": to_archive})
    request = Request(
        old,
        new,
        again=again,
        hints=Path(hints) if hints else None,
        relup=edited(Path(relup)) if relup else None,
        replan=replan,
        lock_wait=lock_wait,
        target=target,
        on=select.one_host(run.config, on) if on else None,
    )
    return show_made(run, build(run.config, Store(run.config.store), run.out, request))


def _side(given: Mapping[str, str]) -> Side:
    from deliver.errors import UsageError
    from deliver.upgrade.sides import Stored

    chosen = [(option, value) for option, value in given.items() if value]
    if len(chosen) != 1:
        raise UsageError(
            f"build-upgrade needs one of {', '.join(given)}, and has {'several' if chosen else 'none'}",
            hint="--from 0.1.0 --to 0.2.0, for example",
        )
    option, value = chosen[0]
    if option == "--with":
        return Stored(value)
    return Path(value).absolute() if option.endswith("-archive") else value


@command(
    help={"version": "The version that the nodes are to run.", "to": "The environment.", **_HOSTS},
    iterable=("host", "role"),
)
def deploy_upgrade(
    run: Run,
    *,
    version: str = "",
    to: str = "",
    host: Sequence[str] = (),
    role: Sequence[str] = (),
    probation: str = "",
    unproven: bool = False,
    lock_wait: int = 0,
) -> None:
    """Upgrade running nodes to a version without restarting them, host after host."""
    from deliver.cli import select
    from deliver.cli.options import seconds
    from deliver.errors import UsageError
    from deliver.store.store import Store
    from deliver.upgrade.deploy import HotDeployment, Request

    if not version or not to:
        raise UsageError("deploy-upgrade needs --version and --to", hint="--version 0.2.0 --to staging, for example")
    environment = run.config.environment(to)
    hosts = select.hosts(environment, host, role)
    watched = seconds(probation, run.config.upgrade.probation)
    request = Request(version, environment, hosts, watched, unproven=unproven, lock_wait=lock_wait)
    deployment = HotDeployment(run.config, Store(run.config.store), run.out, request)
    try:
        deployment.run()
    finally:
        _show(run, deployment)
    states = sorted({f"{row.new} runs" for row in deployment.rows.values()})
    run.out.done(f"{', '.join(states)} on {select.named(environment, hosts)}")


def _show(run: Run, deployment: HotDeployment) -> None:
    rows = list(deployment.rows.values())
    if not rows:
        return
    document = {
        "environment": deployment.request.environment.name,
        "hosts": [
            {"host": row.host, "state": row.state, "from": row.old, "to": row.new, "milliseconds": row.milliseconds}
            for row in rows
        ],
    }
    cells = [(row.host, row.state, row.old, row.new, row.milliseconds) for row in rows]
    run.out.table("", _COLUMNS, cells, document)


def show_made(run: Run, made: Made) -> int:
    """Show what came of making a pair; return the exit code that fits its verdict."""
    pair = made.pair
    for finding in pair.findings:
        tell = run.out.note if finding.level == "note" else run.out.warn
        tell(f"{finding.about}: {finding.text}")
    name = f"{pair.name} {pair.from_version}..{pair.to_version}"
    how = f"rehearsed in {made.seconds:.1f} s" if made.was_run else "in the store already, nothing to do"
    reasons = "".join(f"\n  {one}" for one in pair.reasons)
    run.out.done(f"{name}: verdict `{pair.verdict}`, {how}{reasons}", {**pair.to_json(), "rehearsed": made.was_run})
    return 0 if pair.verdict in {"hot", "hot, no way back"} else 1
