"""The tasks about the release store."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from deliver.cli.command import Run, command
from deliver.cli.sizes import size
from deliver.errors import StoreError, UsageError
from deliver.report import age

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deliver.otp.release import Release, Target
    from deliver.otp.upgrade.pair import Pair
    from deliver.rollout.pruning import Pruned
    from deliver.store.store import Store
    from deliver.store.verify import Fault, Report

_TARGET = "Which build of the version, where there are several: linux-x86_64-glibc."


@command()
def releases(run: Run) -> None:
    """List the releases of the store, newest first."""
    store = _store(run)
    found = store.releases()[::-1]
    ways = _ways(store, found)
    several = {one.name for one in found} - {run.config.app}
    columns = ["version", "commit", "tag", "target", "size", "new", "age", "upgrades from"]
    rows = [[*_cells(one), _from(pairs)] for one, pairs in zip(found, ways, strict=True)]
    if several:
        columns = ["release", *columns]
        rows = [[one.name, *row] for one, row in zip(found, rows, strict=True)]
    document = [
        {**one.to_json(), "upgrades_from": [{"version": pair.from_version, "verdict": pair.verdict} for pair in pairs]}
        for one, pairs in zip(found, ways, strict=True)
    ]
    run.out.table("", columns, rows, document)
    if not found:
        run.out.note(f"the store {run.config.store} is empty: `build-release` puts the first one there")


@command(help={"version": "Exact, or latest.", "target": _TARGET})
def show(run: Run, *, version: str = "", target: str = "") -> None:
    """Show all that is known of one release."""
    release = _find(run, version, target)
    run.out.data(_described(release), release.to_json())


@command(help={"discard": "Remove what is damaged, so that building or importing it again mends the store."})
def store_verify(run: Run, *, discard: bool = False) -> None:
    """Read the whole store and compare everything with its SHA-256."""
    from deliver.store import verify  # its compression is no part of `--list`

    store = _store(run)
    report = verify.verify(store, lambda done, total: run.out.progress("store", done, total))
    columns = ["what", "name", "file", "needed by", "why"]
    rows = [
        [one.kind, one.name, one.files[0] if one.files else "", ", ".join(one.releases), one.why]
        for one in report.faults
    ]
    run.out.data("", asdict(report))
    if report.faults:
        run.out.table("", columns, rows, asdict(report))
        removed = verify.discard(store, report) if discard else None
        raise _damage(report.faults, removed)
    run.out.done(_sound(report))


@command(
    help={
        "keep": "How many of the newest versions stay, besides those that a host has.",
        "version": "Remove only this version.",
        "dry_run": "Only say what would be removed.",
    }
)
def prune(run: Run, *, keep: int = 0, version: str = "", dry_run: bool = False) -> None:
    """Remove old releases that no host of any environment has, and what only they needed."""
    from deliver.rollout import pruning  # SSH is no part of `--list`

    if keep < 0 or (keep > 0) == bool(version):
        raise UsageError("what is to be removed?", hint="say --keep N with N of 1 or more, or --version V")
    request = pruning.Request(keep, version, dry_run)
    pruned = pruning.prune(run.config, _store(run), run.out, request)
    _tell_pruned(run, pruned, dry_run=dry_run)


@command(
    help={
        "version": "Exact, or latest.",
        "output": "The file to write; else NAME-VERSION.tar.gz here.",
        "force": "Replace that file, if there is one.",
        "target": _TARGET,
    }
)
def export(run: Run, *, version: str = "", output: str = "", force: bool = False, target: str = "") -> None:
    """Write a release as a .tar.gz that unpacks into a directory and starts with bin/NAME."""
    from deliver.store.export import export as write  # its compression is no part of `--list`

    release = _find(run, version, target)
    file = Path(output or f"{release.name}-{release.version}.tar.gz").absolute()
    written = write(_store(run), release, file, force=force)
    run.out.done(f"wrote {file}, {size(written)}", {"file": str(file), "size": written, "manifest": release.manifest})
    if release.kind == "mix":
        run.out.note("it has no Erlang cookie: set RELEASE_COOKIE, or write releases/COOKIE (mode 0400) beside it")


@command(
    help={"file": "A .tar.gz of an OTP release.", "target": "What it runs on, when its binaries do not say it."},
    positional=("file",),
    name="import",
)
def import_(run: Run, *, file: str = "", target: str = "") -> None:
    """Keep the release that is in an archive of `export`, `mix release` or `rebar3 tar`."""
    from deliver.remote.who import me  # the same for all of these
    from deliver.store.importing import import_archive

    if not file:
        raise UsageError("which archive?", hint="name the file: `import demo-0.1.0.tar.gz`")
    store = _store(run)
    before = store.releases()
    release = import_archive(store, Path(file).absolute(), by=me(), target=target)
    state = "was in the store already" if release in before else f"is in the store, {size(release.new_bytes)} new"
    run.out.done(f"{release.name} {release.version} ({release.target}) {state}", release.to_json())


def _store(run: Run) -> Store:
    from deliver.store.store import Store  # its compression is no part of `--list`

    return Store(run.config.store)


def _cells(one: Release) -> list[object]:
    return [one.version, one.commit[:10], one.tag, one.target, size(one.size), size(one.new_bytes), age(one.built_at)]


def _ways(store: Store, releases: Sequence[Release]) -> list[list[Pair]]:
    """Return the upgrades that lead to each release as the store has it, newest first."""
    from deliver.store.store import fits  # its compression is no part of `--list`

    pairs = [pair for pair in store.pairs()[::-1] if fits(pair, releases)]
    return [
        [
            pair
            for pair in pairs
            if (pair.name, pair.to_version, str(pair.target)) == (one.name, one.version, str(one.target))
        ]
        for one in releases
    ]


def _from(pairs: Sequence[Pair]) -> str:
    verdicts = {pair.from_version: "" if pair.verdict == "hot" else f" ({pair.verdict})" for pair in pairs}
    return ", ".join(f"{version}{verdict}" for version, verdict in verdicts.items())


def _find(run: Run, version: str, target: str) -> Release:
    if not version:
        raise UsageError("which version?", hint="say it with --version; `latest` is the newest")
    return _store(run).find(run.config.app, version, _parsed(target) if target else None)


def _parsed(text: str) -> Target:
    from deliver.otp.release import Target  # `--list` needs no records

    os, _, rest = text.partition("-")
    arch, _, libc = rest.rpartition("-")
    if not (os and arch and libc):
        raise UsageError(f"{text!r} is no target", hint="a target is like linux-x86_64-glibc")
    return Target(os, arch, libc)


def _described(release: Release) -> str:
    target = release.target
    facts = {
        "release": f"{release.name} {release.version}",
        "tag": release.tag,
        "commit": release.commit,
        "target": f"{target}{f', needs libc {target.libc_version}' if target.libc_version else ''}",
        "erts": f"{target.erts}{'' if release.includes_erts else ', not included'}",
        "made by": release.kind,
        "toolchain": ", ".join(f"{tool} {version}" for tool, version in sorted(release.toolchain.items())),
        "builder": release.builder,
        "built on": release.build_host,
        "built at": f"{release.built_at}, {age(release.built_at)} ago",
        "recipe": release.recipe,
        "manifest": release.manifest,
        "size": f"{size(release.size)}, {size(release.new_bytes)} of them new in the store, compressed",
    }
    lines = [f"{name:<10} {value or '-'}" for name, value in facts.items()]
    width = max((len(one.name) for one in release.applications), default=0)
    lines.append("applications")
    lines += [f"  {one.name:<{width}}  {one.version}  {one.type}" for one in release.applications]
    return "\n".join(lines)


def _damage(faults: Sequence[Fault], removed: int | None) -> StoreError:
    needed = list(dict.fromkeys(title for fault in faults for title in fault.releases))
    hurt = f"; {', '.join(needed)} cannot be deployed whole" if needed else ""
    what = f"{len(faults)} {'thing' if len(faults) == 1 else 'things'} in the store damaged or missing{hurt}"
    if removed is None:
        hint = "`store-verify --discard` removes what is damaged; then build or import again what needs it"
    else:
        hint = f"{removed} removed: build or import again what needs it"
    return StoreError(what, hint=hint)


def _sound(report: Report) -> str:
    unused = f"; {report.unused} that nothing needs, see `prune`" if report.unused else ""
    what = _counted(report.releases, "release")
    if report.upgrades:
        what += f" and {_counted(report.upgrades, 'upgrade')}"
    return f"{what} in {report.objects} objects ({size(report.size)}), all sound{unused}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what if count == 1 else f'{what}s'}"


def _tell_pruned(run: Run, pruned: Pruned, *, dry_run: bool) -> None:
    freed = pruned.freed
    rows = [[one.version, one.target, "would go" if dry_run else "removed", ""] for one in freed.releases]
    rows += [[one.version, one.target, "stays", ", ".join(pruned.holders.get(one.version, ()))] for one in pruned.kept]
    document = {
        "dry_run": dry_run,
        "removed": [one.to_json() for one in freed.releases],
        "kept": [{**one.to_json(), "installed_on": list(pruned.holders.get(one.version, ()))} for one in pruned.kept],
        "upgrades": [one.to_json() for one in freed.upgrades],
        "objects": freed.objects,
        "bytes": freed.size,
    }
    run.out.table("", ["version", "target", "what", "installed on"], rows, document)
    would = "would free" if dry_run else "freed"
    what = [_counted(len(freed.releases), "release")]
    if freed.upgrades:
        what.append(_counted(len(freed.upgrades), "upgrade"))
    run.out.done(f"{would} {size(freed.size)}: {', '.join(what)}, {freed.objects} objects")
