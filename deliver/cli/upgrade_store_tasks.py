"""The tasks about the upgrade pairs of the release store."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from deliver.cli.command import Run, command
from deliver.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deliver.otp.upgrade.pair import Pair
    from deliver.store.store import Store

_STALE = "made for another build of these versions: `build-upgrade` makes it anew"

_BY_RESTART = "restart the nodes: `invoke deploy-release --version {0.to_version} --to ENVIRONMENT --start`"


@command()
def upgrades(run: Run) -> None:
    """List the upgrade pairs of the store and their verdicts, newest versions first."""
    from deliver.store.store import fits  # its compression is no part of `--list`

    store = _store(run)
    pairs, releases = store.pairs()[::-1], store.releases()
    fitting = [fits(one, releases) for one in pairs]
    columns = ["from", "to", "target", "verdict", "built at", "reasons"]
    rows = [_row(one, fit=fit) for one, fit in zip(pairs, fitting, strict=True)]
    if {one.name for one in pairs} - {run.config.app}:
        columns = ["release", *columns]
        rows = [[one.name, *row] for one, row in zip(pairs, rows, strict=True)]
    document = [{**one.to_json(), "fits": fit} for one, fit in zip(pairs, fitting, strict=True)]
    run.out.table("", columns, rows, document)
    if not pairs:
        run.out.note(f"the store {run.config.store} has no upgrades: `build-upgrade` puts the first one there")


@command(
    help={
        "from_": "The version that runs, or its tag.",
        "to": "The version that is to run, or its tag.",
        "target": "Which one, where there are several: linux-x86_64-glibc.",
    }
)
def relup_show(run: Run, *, from_: str = "", to: str = "", target: str = "") -> None:
    """Show the relup of an upgrade pair: what `release_handler` does to a node, up and down."""
    if not from_ or not to:
        raise UsageError("which upgrade?", hint="say --from and --to; `upgrades` lists those of the store")
    store = _store(run)
    pair = _one(_found(run, store, from_, to), target)
    relup = _relup(store, pair)
    run.out.data(relup, {"relup": relup, "verdict": pair.verdict})


@command(
    help={
        "from_": "The version that runs, or its tag.",
        "to": "The version that is to run, or its tag.",
        "target": "Which one, where there are several: linux-x86_64-glibc.",
        "lock_wait": "Seconds to wait while somebody else builds the same application on the build host.",
    }
)
def relup_edit(run: Run, *, from_: str = "", to: str = "", target: str = "", lock_wait: int = 0) -> int:
    """Change the relup of an upgrade pair in your editor; it is rehearsed, and kept with what that finds."""
    if not from_ or not to:
        raise UsageError("which upgrade?", hint="say --from and --to; `upgrades` lists those of the store")
    store = _store(run)
    pair = _one(_found(run, store, from_, to), target)
    from deliver.cli.upgrade_tasks import show_made
    from deliver.upgrade.flow import Request, build_upgrade
    from deliver.upgrade.relups import editing
    from deliver.upgrade.sides import Stored

    name = f"{pair.from_version}..{pair.to_version}.relup"
    with editing(name, _relup(store, pair), os.environ, has_terminal=sys.stdin.isatty()) as relup:
        if relup is None:
            run.out.done("nothing is changed")
            return 0
        sides = Stored(pair.from_version), Stored(pair.to_version)
        request = Request(*sides, relup=relup, lock_wait=lock_wait, target=str(pair.target))
        return show_made(run, build_upgrade(run.config, store, run.out, request))


@command(
    help={
        "from_": "The version that runs, or its tag.",
        "to": "The version that is to run, or its tag.",
        "target": "Which one, where there are several: linux-x86_64-glibc.",
        "write": "Put them into .deliver/appups of the repository's working tree, beside what is there.",
        "force": "With --write: replace what is there for the same version.",
    }
)
def appup(
    run: Run, *, from_: str = "", to: str = "", target: str = "", write: bool = False, force: bool = False
) -> None:
    """Show the plan of an upgrade as appups, or put them into the repository: there they are yours to change."""
    if not from_ or not to:
        raise UsageError("which upgrade?", hint="say --from and --to; `upgrades` lists those of the store")
    store = _store(run)
    pair = _one(_found(run, store, from_, to), target)
    texts = _appups(store, pair)
    if not write:
        run.out.data("\n".join(texts.values()), texts)
        return
    from deliver.upgrade.writing import write_appups

    written = write_appups(run.config.repository, texts, force=force)
    for path, state in written.items():
        run.out.step("repository", f"{state} {path}")
    changed = [str(path) for path, state in written.items() if state != "left"]
    what = f"{', '.join(changed)}: check, commit and tag them" if changed else "nothing to write: all of it is there"
    run.out.done(what, {str(path): state for path, state in written.items()})


def _appups(store: Store, pair: Pair) -> dict[str, str]:
    names = [name for name in pair.files if name.endswith(".appup")]
    if not names:
        raise UsageError(f"{pair} has no appups: its verdict is `{pair.verdict}`", hint=_BY_RESTART.format(pair))
    return {name.removeprefix("appups/").removesuffix(".appup"): _text(store, pair, name) for name in sorted(names)}


def _store(run: Run) -> Store:
    from deliver.store.store import Store  # its compression is no part of `--list`

    return Store(run.config.store)


def _row(pair: Pair, *, fit: bool) -> list[str]:
    reasons = "; ".join(pair.reasons if fit else (_STALE, *pair.reasons))
    # A reason may quote a node's own words, of several lines.
    return [
        pair.from_version,
        pair.to_version,
        str(pair.target),
        pair.verdict,
        pair.built_at,
        " ".join(reasons.split()),
    ]


def _found(run: Run, store: Store, old: str, new: str) -> list[Pair]:
    app, prefix = run.config.app, run.config.tag_prefix
    wanted = [{one, one.removeprefix(prefix)} for one in (old, new)]
    known = store.pairs(app)
    found = [one for one in known if one.from_version in wanted[0] and one.to_version in wanted[1]]
    if found:
        return found
    others = ", ".join(f"{one.from_version}..{one.to_version}" for one in known[::-1][:10])
    hint = f"it has: {others}" if others else f"make it with `invoke build-upgrade --from {old} --to {new}`"
    raise UsageError(f"the store has no upgrade of {app} from {old} to {new}", hint=hint)


def _one(found: Sequence[Pair], target: str) -> Pair:
    fitting = [one for one in found if target in {"", str(one.target)}]
    if len(fitting) == 1:
        return fitting[0]
    targets = ", ".join(str(one.target) for one in found)
    what = f"{found[0].name} {found[0].from_version}..{found[0].to_version}"
    if fitting:
        raise UsageError(f"{what} is in the store for several targets", hint=f"say which with --target: {targets}")
    raise UsageError(f"the store has no {what} for {target}", hint=f"it has it for: {targets}")


def _relup(store: Store, pair: Pair) -> str:
    if "relup" not in pair.files:
        why = "".join(f"\n  {one}" for one in pair.reasons)
        raise UsageError(
            f"{pair} has no relup: its verdict is `{pair.verdict}`{why}",
            hint=_BY_RESTART.format(pair),
        )
    return _text(store, pair, "relup")


def _text(store: Store, pair: Pair, name: str) -> str:
    with store.reader():
        return b"".join(store.read(pair.files[name])).decode("utf-8", "replace")
