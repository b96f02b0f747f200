"""The tasks of the store, as they are typed."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from deliver.cli.sizes import size
from deliver.otp.release import Release
from deliver.report import age
from deliver.store.store import Store
from tests.cli.conftest import Cli
from tests.store.samples import FILES, MUSL, RECORD, put, record, sha256
from tests.store.test_import import LINUX, SMALL, archive


@pytest.fixture
def store(project: Path) -> Store:
    """The store of a project that has nothing else."""
    (project / "deliver.toml").write_text('app = "demo"\n')
    return Store(project / ".deliver/store")


def test_releases_are_listed_newest_first(deliver: Cli, store: Store) -> None:
    put(store, record("0.9.0"))
    put(store, replace(record("0.10.0", commit="abcdef0123456789"), tag="v0.10.0"))
    done = deliver("releases")
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["version", "commit", "tag", "target", "size", "new", "age", "upgrades", "from"]
    assert [row.split()[0] for row in rows] == ["0.10.0", "0.9.0"]
    assert rows[0].split()[1:4] == ["abcdef0123", "v0.10.0", LINUX]
    document = json.loads(deliver("releases", "--json").stdout)
    assert [one["version"] for one in document] == ["0.10.0", "0.9.0"]
    assert document[0]["commit"] == "abcdef0123456789"


def test_several_applications_are_told_apart(deliver: Cli, store: Store) -> None:
    put(store)
    put(store, record(name="other"))
    assert {row.split()[0] for row in deliver("releases").stdout.splitlines()} == {"release", "demo", "other"}


def test_an_empty_store_says_how_it_gets_its_first_release(deliver: Cli, store: Store) -> None:
    done = deliver("releases")
    assert done.returncode == 0
    assert "build-release" in done.stderr
    assert json.loads(deliver("releases", "--json").stdout) == []
    assert not store.path.exists()


def test_everything_that_is_known_is_shown(deliver: Cli, store: Store) -> None:
    kept = put(store)
    shown = deliver("show", "--version", "latest").stdout
    for told in ("0.1.0", RECORD.commit, "v0.1.0", "13.1.5", "elixir 1.14.0, otp 25", "ann@laptop", "build1"):
        assert told in shown
    for told in (kept.manifest, "kernel  8.5.3", "needs libc 2.34", "2024-01-02T03:04:05Z"):
        assert told in shown
    assert Release.from_json(json.loads(deliver("show", "--version", "0.1.0", "--json").stdout)) == kept


def test_a_version_that_is_not_there_is_told_with_those_that_are(deliver: Cli, store: Store) -> None:
    put(store)
    done = deliver("show", "--version", "0.1")
    assert (done.returncode, done.stdout) == (64, "")
    assert "the store has no demo 0.1\n" in done.stderr
    assert "0.1.0 (linux-x86_64-glibc)" in done.stderr
    assert deliver("show").returncode == 64


def test_a_target_chooses_among_builds(deliver: Cli, store: Store) -> None:
    put(store)
    put(store, record(target=MUSL))
    assert deliver("show", "--version", "0.1.0").returncode == 64
    shown = json.loads(deliver("show", "--version", "0.1.0", "--target", str(MUSL), "--json").stdout)
    assert shown["target"]["libc"] == "musl"
    assert deliver("show", "--version", "0.1.0", "--target", "pdp11").returncode == 64


def test_damage_ends_with_its_exit_code_and_names_what_it_hurts(deliver: Cli, store: Store) -> None:
    put(store, RECORD, FILES)
    assert deliver("store-verify").returncode == 0
    assert json.loads(deliver("store-verify", "--json").stdout)["faults"] == []
    digest = sha256(FILES["bin/demo"])
    path = store.objects.path(digest)
    path.chmod(0o644)
    path.write_bytes(b"garbage")
    done = deliver("store-verify")
    assert done.returncode == 73
    assert digest in done.stdout
    assert "demo 0.1.0 (linux-x86_64-glibc) cannot be deployed whole" in done.stderr
    document = json.loads(deliver("store-verify", "--json").stdout)
    assert [fault["name"] for fault in document["result"]["faults"]] == [digest]
    assert document["error"]["code"] == 73


def test_damage_is_discarded_when_that_is_asked_for(deliver: Cli, store: Store) -> None:
    put(store, RECORD, FILES)
    store.objects.path(sha256(b"")).chmod(0o644)
    store.objects.path(sha256(b"")).write_bytes(b"garbage")
    done = deliver("store-verify", "--discard")
    assert done.returncode == 73
    assert "1 removed: build or import" in done.stderr
    put(store, RECORD, FILES)
    assert deliver("store-verify").returncode == 0


def test_pruning_says_what_went_and_what_was_freed(deliver: Cli, store: Store) -> None:
    for number in range(3):
        put(store, record(f"0.{number}.0"))
    done = deliver("prune", "--keep", "2", "--dry-run")
    assert [row.split()[0] for row in done.stdout.splitlines() if "would go" in row] == ["0.0.0"]
    assert "would free" in done.stderr
    assert len(store.releases()) == 3
    document = json.loads(deliver("prune", "--keep", "2", "--json").stdout)
    assert [one["version"] for one in document["removed"]] == ["0.0.0"]
    assert [one["version"] for one in document["kept"]] == ["0.1.0", "0.2.0"]
    assert document["bytes"] > 0
    assert [one.version for one in store.releases()] == ["0.1.0", "0.2.0"]
    assert "removed" in deliver("prune", "--version", "0.1.0").stdout


@pytest.mark.parametrize("words", [(), ("--keep", "0"), ("--keep", "-1"), ("--keep", "x"), ("--keep=1", "--version=1")])
def test_pruning_needs_to_be_told_what(deliver: Cli, store: Store, words: tuple[str, ...]) -> None:
    put(store)
    assert deliver("prune", *words).returncode == 64
    assert len(store.releases()) == 1


def test_pruning_stops_at_a_host_that_does_not_answer(deliver: Cli, project: Path, store: Store) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    place = f'[environments.production.hosts.gone]\naddress = "127.0.0.1"\nport = {port}\npath = "/srv"\n'
    (project / "deliver.toml").write_text(f'app = "demo"\n{place}')
    put(store)
    put(store, record("0.2.0"))
    done = deliver("prune", "--keep", "1")
    assert done.returncode == 69
    assert "nothing was pruned" in done.stderr
    assert len(store.releases()) == 2


def test_an_archive_goes_out_and_comes_in(deliver: Cli, project: Path, store: Store) -> None:
    archive(project / "in.tar.gz", SMALL)
    done = deliver("import", "in.tar.gz", "--target", LINUX)
    assert (done.returncode, done.stdout) == (0, "")
    assert f"demo 0.1.0 ({LINUX}) is in the store" in done.stderr
    assert deliver("export", "--version", "latest").returncode == 0
    assert deliver("export", "--version", "latest").returncode == 73
    assert deliver("export", "--version", "latest", "--force").returncode == 0
    told = json.loads(deliver("export", "--version", "0.1.0", "--output", "a b.tgz", "--json").stdout)
    assert told["file"] == str(project / "a b.tgz")
    assert (project / "a b.tgz").read_bytes() == (project / "demo-0.1.0.tar.gz").read_bytes()
    again = deliver("import", "demo-0.1.0.tar.gz", "--target", LINUX)
    assert "was in the store already" in again.stderr
    assert len(store.releases()) == 1


def test_an_import_needs_a_file(deliver: Cli, store: Store) -> None:
    assert deliver("import").returncode == 64
    assert deliver("import", "nothing.tar.gz").returncode == 64
    assert store.releases() == []


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (12_345_678, "12.3 MB"), (5 * 10**12, "5.0 TB")]
)
def test_bytes_are_shown_in_decimal_units(count: int, shown: str) -> None:
    assert size(count) == shown


@pytest.mark.parametrize(
    ("passed", "shown"),
    [
        (timedelta(seconds=-5), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(minutes=90), "1 h"),
        (timedelta(minutes=59), "59 min"),
        (timedelta(days=364), "364 d"),
        (timedelta(days=800), "2 y"),
    ],
)
def test_ages_are_shown_in_their_largest_unit(passed: timedelta, shown: str) -> None:
    now = datetime(2024, 6, 1, 12, tzinfo=timezone.utc)
    assert age((now - passed).strftime("%Y-%m-%dT%H:%M:%SZ"), now) == shown
    assert age("yesterday") == ""
