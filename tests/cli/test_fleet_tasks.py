"""The tasks about an environment as a whole, as an operator types them; its hosts are directories of this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from deliver.cli.output import Output
from deliver.rollout.events import Event
from deliver.rollout.lock import Holder
from deliver.rollout.record import End, Member, Record, Run, place
from tests.cli.conftest import Cli
from tests.rollout.locks import APP, NAMES, Operator, directories, kill_keeper, lock_of

HOST = '[environments.production.hosts.{name}]\naddress = "local"\npath = "{path}"\n'
ON = ("--on", "production")


@pytest.fixture
def hosts(project: Path) -> Path:
    """Where the hosts' directories are; the configuration knows them."""
    tables = "".join(HOST.format(name=name, path=project / "hosts" / name) for name in NAMES)
    (project / "deliver.toml").write_text(f'app = "{APP}"\n{tables}', "utf-8")
    return project / "hosts"


@pytest.fixture
def anna(hosts: Path) -> Iterator[Operator]:
    with ExitStack() as stack:
        yield Operator(directories(hosts), stack)


@pytest.mark.usefixtures("hosts")
def test_a_person_locks_and_unlocks(deliver: Cli) -> None:
    done = deliver("lock", *ON, "--message", "we are moving")
    assert done.returncode == 0, done.stderr
    assert "production is locked, on a, until: unlock --on production" in done.stderr
    shown = deliver("status", *ON, "--json")
    assert "production is locked, on a, by " in shown.stderr
    assert "message: we are moving" in shown.stderr
    documents = json.loads(shown.stdout)
    assert [one["locks"].get("production", {}).get("message") for one in documents] == ["we are moving", None, None]
    done = deliver("unlock", *ON)
    assert done.returncode == 0, done.stderr
    assert "it was: production is locked, on a, by " in done.stderr
    assert "production is unlocked" in done.stderr
    again = deliver("unlock", *ON)
    assert again.returncode == 0
    assert "nobody has locked production" in again.stderr
    rows = json.loads(deliver("history", *ON, "--json").stdout)
    assert [(row["task"], row["outcome"], row["reason"]) for row in rows] == [
        ("lock", "ok", "we are moving"),
        ("unlock", "ok", ""),
    ]


def test_the_lock_of_a_roll_is_shown_and_taken_away_by_force(deliver: Cli, anna: Operator) -> None:
    with anna.holds(Holder("release", "0.2.0", who="anna@laptop", ci="https://ci.example.com/1")):
        for words in (("unlock", *ON), ("lock", *ON, "--message", "stop")):
            refused = deliver(*words)
            assert refused.returncode == 75
            assert "production is locked, on a, by anna@laptop (release 0.2.0, process" in refused.stderr
            assert "CI job: https://ci.example.com/1" in refused.stderr
        assert "by anna@laptop" in deliver("status", *ON).stderr
        done = deliver("unlock", *ON, "--force", "--reason", "it hangs", "--json")
        assert done.returncode == 0, done.stderr
        (freed,) = json.loads(done.stdout)
        assert (freed["host"], freed["holder"]["who"]) == ("a", "anna@laptop")
    assert "it hangs" in deliver("history", *ON).stdout


def test_status_tells_nothing_of_a_lock_whose_holder_is_gone(deliver: Cli, anna: Operator, hosts: Path) -> None:
    with anna.holds():
        kill_keeper(lock_of(hosts, "a"))
        assert lock_of(hosts, "a").exists()
        assert "locked" not in deliver("status", *ON).stderr
        (owner,) = lock_of(hosts, "a").glob("owner.*")
        owner.rename(owner.with_name("owner.1.2.another-boot.elsewhere"))
        assert "production is locked" in deliver("status", *ON).stderr


@pytest.mark.usefixtures("hosts")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("lock", *ON), "--message"),
        (("unlock", *ON, "--force"), "--reason"),
        (("lock",), "which environment?"),
        (("history", *ON, "--host", "z"), "production has no host z"),
    ],
)
def test_what_is_missing_is_named(deliver: Cli, words: tuple[str, ...], said: str) -> None:
    done = deliver(*words)
    assert done.returncode == 64
    assert said in done.stderr


def test_history_tells_what_runs_and_scripts_did(deliver: Cli, project: Path, hosts: Path) -> None:
    members = (Member("a", to="0.2.0"), Member("b", to="0.2.0"))
    run = Run("20261129T221500Z-1a2b", "release", APP, "production", "0.2.0", "anna@laptop", at=1e9, members=members)
    record = Record.make(place(project / "deliver.toml"), run, str, Output("release"))
    record.tell(Event("upgrade", "failed", "a", 1, 2.0, "no answer\nat all", at=1e9 + 2))
    record.end(End("failed", 1, "a: no answer", at=1e9 + 3))
    journal = hosts / "a" / APP / ".deliver" / "journal"
    journal.parent.mkdir(parents=True)
    line = '{"at":"2001-09-09T00:00:00Z","who":"bert@desk","action":"install","version":"0.1.0","outcome":"ok"}\n'
    journal.write_text(line + line.replace("ok", "unknown").replace("}", ',"environment":"staging"}'))
    table = deliver("history", *ON).stdout.splitlines()
    assert table[0].split() == ["when", "who", "task", "hosts", "version", "outcome", "seconds", "why"]
    assert table[1].split() == ["2001-09-09T00:00:00Z", "bert@desk", "install", "a", "0.1.0", "ok", "-", "-"]
    assert table[2].split()[:7] == ["2001-09-09T01:46:40Z", "anna@laptop", "release", "a,", "b", "0.2.0", "failed"]
    assert table[2].split()[7:] == ["3.0", "a:", "no", "answer"]
    assert len(table) == 3
    assert len(deliver("history", *ON, "--last", "1").stdout.splitlines()) == 2
    table = deliver("history", *ON, "--host", "a").stdout.splitlines()
    assert [line.split()[2:6] for line in table[1:]] == [
        ["install", "-", "0.1.0", "ok"],
        ["release", "upgrade", "0.2.0", "failed"],
    ]
    assert table[2].endswith("2.0  no answer")
