"""Ecto's migrations of an installed version: run, or told, in a virtual machine of its own, never on the node."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from deliver.config.schema import Environment, Host
from deliver.errors import DeliverError, NodeError, RemoteError, UsageError
from deliver.node.outcome import Told, run
from deliver.node.service import PARTS, arguments, change
from deliver.remote.script import Argument, payload, script
from deliver.remote.session import Session


@dataclass(frozen=True)
class Target:
    """What is to be migrated, and how far.

    Args:
        version: the release's version, which must be installed on the host; empty for the one that it boots next.
        repos: the repositories, as Elixir writes them: `Demo.Repo`; empty for all that the release configures.
        to: the migration that is to be the newest one that is applied; None for all, 0 for none.
        down: whether migrations that came after `to` are taken back.
        deadline: seconds.
    """

    version: str = ""
    repos: Sequence[str] = ()
    to: int | None = None
    down: bool = False
    deadline: float = 3600.0


@dataclass(frozen=True)
class Repository:
    """What came of one repository.

    Args:
        name: as Elixir writes it.
        state: `migrated`; `failed`; `not started`, for one before it failed; `unknown`, for nobody said how it ended.
        versions: the migrations that were applied, or taken back.
        seconds: how long that took.
        error: what went wrong.
    """

    name: str
    state: Literal["migrated", "failed", "not started", "unknown"] = "not started"
    versions: tuple[int, ...] = ()
    seconds: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class Migration:
    """A migration of a repository.

    Args:
        repo: its repository.
        status: whether it is applied.
        version: its number.
        name: its name; Ecto says so when the release does not have it.
    """

    repo: str
    status: Literal["up", "down"]
    version: int
    name: str


@dataclass(frozen=True)
class Answer:
    """What a release's virtual machine told.

    Args:
        version: the release's version.
        repos: what came of each repository.
        migrations: those of all repositories, when they were asked for.
        error: what went wrong; None when every repository came to its end.
    """

    version: str
    repos: tuple[Repository, ...] = ()
    migrations: tuple[Migration, ...] = field(default=(), repr=False)
    error: DeliverError | None = None


def migrate(session: Session, host: Host, environment: Environment, app: str, target: Target) -> Answer:
    """Run migrations; one repository after another, no further than the first that fails.

    Args:
        session: an open session to `host`.
        host: where the virtual machine runs.
        environment: says with which variables.
        app: the release's name.
        target: what to migrate.

    Raises:
        UsageError: the release has no such repository, or `to` is said of several.
        NodeError: the version is not there, has no Ecto, or its virtual machine ended before it began.
        LockedError: somebody else works on the host.
        RemoteError: the host cannot do it.
        DeadlineError: it was not done in time, or the connection was lost: it was ended, and the outcome is unknown.
    """
    return _read(host, _run("migrate", session, host, environment, app, target))


def migrations(session: Session, host: Host, environment: Environment, app: str, target: Target) -> Answer:
    """Ask which migrations there are, and which are applied; see `migrate`.

    Ecto makes its table of migrations where there is none yet.
    """
    return _read(host, _run("migrations", session, host, environment, app, target))


def _run(what: str, session: Session, host: Host, environment: Environment, app: str, target: Target) -> Told:
    given: dict[str, Argument] = {
        **arguments(host, environment.service, app),
        **change(what, environment),
        "what": what,
        "version": target.version,
        "repos": " ".join(target.repos),
        "to": "" if target.to is None else target.to,
        "down": "yes" if target.down else "no",
        "code": payload("migrate.exs"),
    }
    told = run(session, host, script("migrate.sh", given, parts=PARTS), deadline=target.deadline)
    if told.outcome == "declined":
        raise NodeError(f"{host.name}: {told.values[0]}", hint=told.values[1])
    return told


def _read(host: Host, told: Told) -> Answer:
    version = next(values[0] for key, values in told.facts if key == "version")
    refused = next((values for key, values in told.facts if key == "no"), None)
    if refused is not None:
        raise _refusal(f"{host.name}: {version}", refused)
    repos = tuple(_repositories(told))
    error = None if ("all-well", ()) in told.facts else _error(host, told, repos)
    return Answer(version, repos, tuple(_migrations(told)), error)


def _refusal(where: str, why: Sequence[str]) -> DeliverError:
    if why[0] == "no-ecto":
        return NodeError(f"{where} has no Ecto: there is nothing to migrate")
    if why[0] == "no-repos":
        return NodeError(f"{where}: no application configures ecto_repos", hint="config :demo, ecto_repos: [Demo.Repo]")
    if why[0] == "not-one":
        return UsageError("--to is for one repository", hint=f"say which with --repo: {why[1]}")
    return UsageError(f"{where} has no repository {why[1]}", hint=f"it configures: {why[2]}")


def _repositories(told: Told) -> Iterator[Repository]:
    found: dict[str, Repository] = {}
    for key, values in told.facts:
        if key == "repo":
            found[values[0]] = Repository(values[0])
        elif key == "begun":
            found[values[0]] = Repository(values[0], "unknown", error="its virtual machine ended in the middle")
        elif key == "ended":
            found[values[0]] = _ended(*values)
    yield from found.values()


def _ended(name: str, how: str, milliseconds: str, versions: str, text: str) -> Repository:
    numbers = tuple(int(one) for one in versions.split(",") if one)
    made = Repository(name, "migrated", numbers, int(milliseconds) / 1000)
    return made if how == "ok" else replace(made, state="failed", error=_text(text))


def _migrations(told: Told) -> Iterator[Migration]:
    for key, values in told.facts:
        if key == "migration":
            repo, status, version, name = values
            yield Migration(repo, "up" if status == "up" else "down", int(version), _text(name))


def _error(host: Host, told: Told, repos: Sequence[Repository]) -> DeliverError:
    wrong = [f"{host.name}: {one.name}: {one.error}" for one in repos if one.error]
    if wrong:
        hint = "what is applied stays, as the task migrations shows; the same command again goes on behind it"
        return RemoteError("\n".join(wrong), hint=hint, status=int(told.values[0]), output=told.output)
    return RemoteError(
        f"{host.name}: the virtual machine ended with status {told.values[0]} before it could migrate",
        status=int(told.values[0]),
        output=told.output,
    )


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode("utf-8", "replace")
