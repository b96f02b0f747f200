"""The tasks about databases: Ecto's migrations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from deliver.cli.command import Run, command

if TYPE_CHECKING:
    from deliver.config.schema import Environment, Host
    from deliver.node.migrations import Answer, Repository, Target
    from deliver.remote.session import Session

    Work = Callable[[Session, Host, Environment, str, Target], Answer]

_WHERE = {
    "on": "The environment.",
    "version": "The release whose migrations these are; else the one that the host boots next.",
    "repo": "Only this repository (Demo.Repo); may be repeated. Else all that the release configures.",
    "host": "The host to do it on; else the environment's first.",
    "deadline": "Seconds after which it is ended.",
}
_COLUMNS = ("repository", "state", "migrations", "seconds")


@command(
    help={
        **_WHERE,
        "to": "The migration that is to be the newest one that is applied; 0 for none.",
        "down": "Take back what came after --to.",
    },
    iterable=("repo",),
)
def migrate(
    run: Run,
    *,
    on: str = "",
    version: str = "",
    to: str = "",
    down: bool = False,
    repo: Sequence[str] = (),
    host: str = "",
    deadline: float = 3600.0,
) -> None:
    """Run Ecto's migrations of a release, on one host, beside the node; succeeds when every repository is there."""
    from deliver.errors import UsageError
    from deliver.node import migrations as ecto

    if down and not to:
        raise UsageError("down to which migration?", hint="say it with --to; 0 takes all of them back")
    target = ecto.Target(version, repo, _number(to), down, deadline)
    name, answer = _answered(run, on, host, target, ecto.migrate)
    rows = [(one.name, one.state, len(one.versions), f"{one.seconds:.1f}") for one in answer.repos]
    repos = [_document(one) for one in answer.repos]
    run.out.table("", _COLUMNS, rows, {"host": name, "version": answer.version, "repositories": repos})
    _end(answer)
    count = sum(len(one.versions) for one in answer.repos)
    how = "taken back" if down else "applied"
    run.out.done(f"{on}: {count} migrations of {answer.version} were {how}" if count else f"{on}: nothing to do")


@command(help=_WHERE, iterable=("repo",))
def migrations(
    run: Run, *, on: str = "", version: str = "", repo: Sequence[str] = (), host: str = "", deadline: float = 60.0
) -> None:
    """Show which of Ecto's migrations a release has, and which are applied."""
    from deliver.node import migrations as ecto

    name, answer = _answered(run, on, host, ecto.Target(version, repo, deadline=deadline), ecto.migrations)
    rows = [(one.repo, one.status, str(one.version), one.name) for one in answer.migrations]
    known = [
        {"repository": one.repo, "status": one.status, "version": one.version, "name": one.name}
        for one in answer.migrations
    ]
    document = {"host": name, "version": answer.version, "migrations": known}
    run.out.table("", ("repository", "status", "version", "name"), rows, document)
    _end(answer)


def _number(text: str) -> int | None:
    from deliver.errors import UsageError

    if not text:
        return None
    if not text.isdecimal() or not text.isascii():
        raise UsageError(f"--to needs the number of a migration, not {text!r}", hint="the task migrations shows them")
    return int(text)


def _answered(run: Run, on: str, host: str, target: Target, work: Work) -> tuple[str, Answer]:
    """Return what the virtual machine told, and on which host it was."""
    from deliver.cli import select
    from deliver.remote.connect import connect

    environment = select.environment(run.config, on)
    chosen = select.hosts(environment, [host] if host else [], ())[0]
    with connect(chosen, run.config.ssh, run.out) as session:
        return chosen.name, work(session, chosen, environment, run.config.app, target)


def _document(one: Repository) -> dict[str, object]:
    return {
        "repository": one.name,
        "state": one.state,
        "migrations": list(one.versions),
        "seconds": one.seconds,
        "error": one.error,
    }


def _end(answer: Answer) -> None:
    if answer.error is not None:
        raise answer.error
