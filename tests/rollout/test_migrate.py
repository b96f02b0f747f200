"""Ecto's migrations, as an operator types them; Ecto itself is the stand-in of `tests/apps/shelf`."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from deliver.config.schema import Environment, Host
from deliver.errors import NodeError, UsageError
from deliver.node.migrations import Answer, Target, migrate
from deliver.remote.connect import connect
from deliver.remote.session import Session
from deliver.report import Silent
from tests.rollout.shelf import DATABASE, Desk, eventually

BOOKS, AUTHORS, TROUBLE, NOTES, COLOURS = (int(f"20240{day}000000") for day in (101, 201, 202, 102, 203))

pytestmark = [pytest.mark.hosts, pytest.mark.slow]


def outcomes(document: Any) -> list[tuple[str, str, list[int]]]:
    found = document.get("result", document)["repositories"]
    return [(one["repository"], one["state"], one["migrations"]) for one in found]


def asked(desk: Desk, work: Callable[[Session, Host, Environment, str, Target], Answer], **target: Any) -> Answer:
    """Return what the first host answers, without a command line."""
    environment = desk.config.environment("production")
    host = environment.hosts[0]
    with connect(host, desk.config.ssh, Silent()) as session:
        return work(session, host, environment, "shelf", Target(**target))


def books(desk: Desk, **target: Any) -> tuple[tuple[int, ...], str]:
    """Migrate one repository; return what was done, and what went wrong."""
    (found,) = asked(desk, migrate, repos=["Shelf.Repo"], **target).repos
    return found.versions, found.error


def test_up_and_down_beside_a_node_that_never_notices(desk: Desk) -> None:
    control = ("--on", "production", "--host", "prod1")
    assert desk.deliver("start", *control)[0] == 0
    code, document, _ = desk.deliver("migrate", *control, "--version", "0.2.0")
    assert (code, document["host"], document["version"]) == (0, "prod1", "0.2.0")
    assert outcomes(document) == [
        ("Shelf.Repo", "migrated", [BOOKS, AUTHORS, TROUBLE]),
        ("Shelf.Notes", "migrated", [NOTES, COLOURS]),
    ]
    assert books(desk, version="0.2.0") == ((), "")

    # What the host boots knows less.
    none, lost = books(desk, to=0, down=True)
    assert (none, lost) == ((), f"this version does not have {AUTHORS}, {TROUBLE}, so it cannot take that back")
    none, later = books(desk, version="0.2.0", to=BOOKS)
    assert (none, "needs --down" in later) == ((), True)
    assert books(desk, version="0.2.0", to=BOOKS, down=True) == ((AUTHORS, TROUBLE), "")

    code, document, _ = desk.deliver("migrations", "--on", "production", "--version", "0.2.0")
    known = [(one["repository"], one["status"], one["version"], one["name"]) for one in document["migrations"]]
    assert known[:2] == [("Shelf.Repo", "up", BOOKS, "add_books"), ("Shelf.Repo", "down", AUTHORS, "add_authors")]
    assert [status for _, status, _, _ in known] == ["up", "down", "down", "up", "up"]
    assert desk.host.shell(f"tail -n 2 '{DATABASE}/books.log'") == "drop loans\ndrop authors"
    told = desk.journal()
    assert told[1] == ("migrate", "0.2.0", "ok")
    assert [(action, outcome) for action, _, outcome in told] == [
        ("start", "ok"),
        *(("migrate", outcome) for outcome in ("ok", "ok", "failed", "failed", "ok")),
    ]
    assert not list((desk.root / "tmp").glob("*.config")), "a configuration that was computed stayed"
    assert desk.host.shell("pidof beam.smp | wc -w") == "1"


def test_a_migration_that_fails_ends_it_and_says_how_far_it_got(desk: Desk) -> None:
    trouble(desk, "raise")

    code, document, messages = desk.deliver("migrate", "--on", "production", "--version", "0.2.0")

    assert code == 1
    assert outcomes(document) == [("Shelf.Repo", "failed", [BOOKS, AUTHORS]), ("Shelf.Notes", "not started", [])]
    assert "prod1: Shelf.Repo: ** (RuntimeError) the disk of the database is full" in messages
    assert DATABASE not in messages
    trouble(desk, "")
    code, document, _ = desk.deliver("migrate", "--on", "production", "--version", "0.2.0")
    assert code == 0
    assert outcomes(document) == [("Shelf.Repo", "migrated", [TROUBLE]), ("Shelf.Notes", "migrated", [NOTES, COLOURS])]


def trouble(desk: Desk, how: str) -> None:
    desk.env["SHELF_TROUBLE"] = how
    desk.write_config()


@pytest.mark.parametrize("victim", ["machine", "deliver"])
def test_killed_in_the_middle_it_is_told_and_goes_on_from_there(desk: Desk, victim: str) -> None:
    trouble(desk, "wait")
    process = desk.begin("migrate", "--on", "production", "--version", "0.2.0", "--json")
    eventually(lambda: desk.host.shell(f"cat '{DATABASE}/books' 2>/dev/null || :").count("\n") == 1, "it waits")
    eventually(lambda: runs(desk), "the virtual machine runs")

    if victim == "deliver":
        process.send_signal(signal.SIGKILL)
        process.communicate()
        eventually(lambda: not runs(desk), "the virtual machine is ended")
        outcome = "unknown"
    else:
        desk.host.shell("kill -KILL $(pidof beam.smp)")
        _, messages = process.communicate(timeout=30)
        assert process.returncode == 1
        assert "Shelf.Repo: its virtual machine ended in the middle" in messages
        outcome = "failed"

    eventually(lambda: desk.journal() == [("migrate", "0.2.0", outcome)], "the journal says so")
    trouble(desk, "")
    code, document, _ = desk.deliver("migrate", "--on", "production", "--version", "0.2.0")
    assert (code, outcomes(document)[0]) == (0, ("Shelf.Repo", "migrated", [TROUBLE]))


def runs(desk: Desk) -> bool:
    return any("beam" in line for line in desk.host.processes())


def test_what_cannot_be_done_is_refused(desk: Desk) -> None:
    def refused(**target: Any) -> str:
        with pytest.raises((NodeError, UsageError)) as told:
            asked(desk, migrate, **target)
        return f"{told.value.message}; {told.value.hint}"

    assert refused(repos=["Nope"]) == "prod1: 0.1.0 has no repository Nope; it configures: Shelf.Repo Shelf.Notes"
    assert refused(to=BOOKS) == "--to is for one repository; say which with --repo: Shelf.Repo Shelf.Notes"
    assert refused(version="0.3.0").startswith("prod1: version 0.3.0 is not installed in /srv/shelf;")
    desk.host.shell("rm /srv/shelf/lib/ecto_sql-*/ebin/Elixir.Ecto.Migrator.beam /srv/shelf/releases/0.2.0/elixir")
    assert refused() == "prod1: 0.1.0 has no Ecto: there is nothing to migrate; "
    assert "it was not made by mix release" in refused(version="0.2.0")


@pytest.mark.parametrize(
    ("words", "problem"),
    [(["--down"], "down to which migration?"), (["--to", "soon"], "--to needs the number of a migration, not 'soon'")],
)
def test_a_target_that_is_none_is_refused_before_any_host_is_reached(
    desk: Desk, words: Sequence[str], problem: str
) -> None:
    code, _, messages = desk.deliver("migrate", "--on", "production", *words)

    assert (code, problem in messages) == (64, True)
