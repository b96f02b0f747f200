"""The task that builds."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from deliver.cli.command import Run, command
from deliver.cli.sizes import size

if TYPE_CHECKING:
    from deliver.build.flow import Built


@command(
    help={
        "tag": "The tag, or the version that it stands for. By default the newest version tag that HEAD can reach.",
        "revision": "A commit, instead of a tag.",
        "branch": "A branch's newest commit, instead of a tag.",
        "lock_wait": "Seconds to wait while somebody else builds the same application on the build host.",
        "allow_version_mismatch": "Accept a release whose version is not the tag's.",
        "rebuild": "Build also what the store has: the content must then be the same.",
    },
)
def build_release(
    run: Run,
    *,
    tag: str = "",
    revision: str = "",
    branch: str = "",
    lock_wait: int = 0,
    allow_version_mismatch: bool = False,
    rebuild: bool = False,
) -> None:
    """Build the release of a git tag on the build host, and keep it in the store."""
    from deliver.build.flow import build_release as build  # SSH is no part of `--list`
    from deliver.build.plan import Request
    from deliver.store.store import Store

    request = Request(
        tag=tag,
        revision=revision,
        branch=branch,
        lock_wait=lock_wait,
        allow_version_mismatch=allow_version_mismatch,
        rebuild=rebuild,
    )
    _show(run, build(run.config, Store(run.config.store), run.out, request))


def _show(run: Run, built: Built) -> None:
    release = built.release
    document = {
        **asdict(release),
        "target": asdict(release.target),
        "new": built.is_new,
        "built": built.was_run,
        "seconds": round(built.seconds, 2),
        "sent_bytes": built.sent,
        "steps": built.steps,
    }
    what = f"{release.name} {release.version} ({release.target}, {release.commit[:12]})"
    run.out.done(f"{what}: {_outcome(built)} in {built.seconds:.1f} s", document)


def _outcome(built: Built) -> str:
    if not built.was_run:
        return "in the store already, nothing to do,"
    if not built.is_new:
        return "built again, with the same content,"
    return f"built, {size(built.release.size)}, {size(built.release.new_bytes)} of them new,"
