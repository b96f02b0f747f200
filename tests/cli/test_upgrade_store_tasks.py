"""The tasks about the store's upgrade pairs, as they are typed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from deliver.otp.release import Release
from deliver.otp.upgrade.pair import Pair
from deliver.store.store import Store
from tests.cli.conftest import Cli
from tests.store.pairs import FILES, pair, put_pair
from tests.store.samples import LINUX, MUSL, put, record, sha256

RELUP = FILES["relup"].decode()
ONE_WAY = ("--from", "0.1.0", "--to", "0.2.0")


@pytest.fixture
def store(project: Path) -> Store:
    """The store of a project that has nothing else."""
    (project / "deliver.toml").write_text('app = "demo"\n')
    return Store(project / ".deliver/store")


def three(store: Store) -> list[Release]:
    """Put three releases into a store, and the hot way to the newest and one that needs a restart."""
    releases = [put(store, record(version)) for version in ("0.0.9", "0.1.0", "0.2.0")]
    put_pair(store, pair(releases[1], releases[2]))
    put_pair(store, pair(releases[0], releases[2], verdict="restart", reasons=("OTP differs:\n25 and 26", "slow")), {})
    return releases


def test_releases_are_listed_with_the_versions_that_upgrade_to_them(deliver: Cli, store: Store) -> None:
    three(store)
    _, newest, *older = deliver("releases").stdout.splitlines()
    assert newest.endswith("  0.1.0, 0.0.9 (restart)")
    assert [row.split()[-1] for row in older] == ["-", "-"]
    document = json.loads(deliver("releases", "--json").stdout)
    assert [one["upgrades_from"] for one in document] == [
        [{"version": "0.1.0", "verdict": "hot"}, {"version": "0.0.9", "verdict": "restart"}],
        [],
        [],
    ]


def test_a_pair_of_another_build_or_target_is_no_way_to_a_release(deliver: Cli, store: Store) -> None:
    old, new = (put(store, record(version)) for version in ("0.1.0", "0.2.0"))
    put_pair(store, pair(old, new, from_manifest="0" * 64))
    put(store, record("0.2.0", target=MUSL))
    assert [row.split()[-1] for row in deliver("releases").stdout.splitlines()[1:]] == ["-", "-", "-"]
    (listed,) = deliver("upgrades").stdout.splitlines()[1:]
    assert "made for another build of these versions" in listed
    assert [one["fits"] for one in json.loads(deliver("upgrades", "--json").stdout)] == [False]


def test_upgrades_are_listed_with_verdict_and_reasons(deliver: Cli, store: Store) -> None:
    three(store)
    head, *rows = deliver("upgrades").stdout.splitlines()
    assert head.split() == ["from", "to", "target", "verdict", "built", "at", "reasons"]
    assert [row.split(maxsplit=5) for row in rows] == [
        ["0.1.0", "0.2.0", str(LINUX), "hot", "2024-01-02T03:04:05Z", "-"],
        ["0.0.9", "0.2.0", str(LINUX), "restart", "2024-01-02T03:04:05Z", "OTP differs: 25 and 26; slow"],
    ]
    document = json.loads(deliver("upgrades", "--json").stdout)
    assert [one.pop("fits") for one in document] == [True, True]
    assert [Pair.from_json(one) for one in document] == store.pairs("demo")[::-1]


def test_upgrades_of_several_applications_are_told_apart(deliver: Cli, store: Store) -> None:
    three(store)
    put_pair(store, pair(*(put(store, record(version, "other")) for version in ("1.0.0", "1.1.0"))))
    assert [row.split()[0] for row in deliver("upgrades").stdout.splitlines()] == ["release", "other", "demo", "demo"]


def test_a_store_without_upgrades_says_how_it_gets_its_first_one(deliver: Cli, store: Store) -> None:
    done = deliver("upgrades")
    assert (done.returncode, "build-upgrade" in done.stderr) == (0, True)
    assert json.loads(deliver("upgrades", "--json").stdout) == []
    assert not store.path.exists()


def test_a_relup_is_shown_as_it_is(deliver: Cli, store: Store) -> None:
    three(store)
    done = deliver("relup-show", *ONE_WAY)
    assert (done.returncode, done.stdout, done.stderr) == (0, RELUP, "")
    assert deliver("relup-show", "--from", "v0.1.0", "--to=v0.2.0").stdout == RELUP
    assert json.loads(deliver("relup-show", *ONE_WAY, "--json").stdout) == {"relup": RELUP, "verdict": "hot"}


def test_a_pair_without_a_relup_says_why(deliver: Cli, store: Store) -> None:
    three(store)
    done = deliver("relup-show", "--from", "0.0.9", "--to", "0.2.0")
    assert (done.returncode, done.stdout) == (64, "")
    assert "its verdict is `restart`" in done.stderr
    assert "slow" in done.stderr
    assert "deploy-release --version 0.2.0" in done.stderr


def test_appups_are_shown_and_written_once(deliver: Cli, store: Store, project: Path) -> None:
    releases = three(store)
    text = '{"0.2.0",[{"0.1.0",[]}],[{"0.1.0",[]}]}.\n'
    put_pair(store, pair(*releases[1:]), {**FILES, "appups/demo.appup": text.encode()})
    assert deliver("appup", *ONE_WAY).stdout == text
    assert json.loads(deliver("appup", *ONE_WAY, "--json").stdout) == {"demo": text}
    assert deliver("appup", *ONE_WAY, "--write").returncode == 64
    subprocess.run(["git", "init", "--quiet", str(project)], check=True)
    assert ".deliver/appups/demo.appup: check, commit" in deliver("appup", *ONE_WAY, "--write").stderr
    file = project / ".deliver/appups/demo.appup"
    assert file.read_text() == text
    assert "nothing to write" in deliver("appup", *ONE_WAY, "--write").stderr
    file.write_text('{"0.2.0",[{"0.0.9",[]}],[]}.\n')
    deliver("appup", *ONE_WAY, "--write")
    assert file.read_text() == '{"0.2.0",[{"0.0.9",[]},\n  {"0.1.0",[]}],[{"0.1.0",[]}]}.\n'
    done = deliver("appup", "--from", "0.0.9", "--to", "0.2.0")
    assert (done.returncode, "its verdict is `restart`" in done.stderr) == (64, True)


def test_a_relup_that_is_not_there_is_told_with_those_that_are(deliver: Cli, store: Store) -> None:
    assert "build-upgrade --from 0.1.0 --to 0.2.0" in deliver("relup-show", *ONE_WAY).stderr
    three(store)
    done = deliver("relup-show", "--from", "0.2.0", "--to", "0.1.0")
    assert (done.returncode, done.stdout) == (64, "")
    assert "it has: 0.1.0..0.2.0, 0.0.9..0.2.0" in done.stderr
    assert deliver("relup-show", "--from", "../..", "--to", "0.2.0").returncode == 64
    assert deliver("relup-show", "--to", "0.2.0").returncode == 64


def test_a_target_chooses_among_pairs(deliver: Cli, store: Store) -> None:
    three(store)
    others = [put(store, record(version, target=MUSL)) for version in ("0.1.0", "0.2.0")]
    put_pair(store, pair(*others), {"relup": b"musl\n"})
    assert "say which with --target" in deliver("relup-show", *ONE_WAY).stderr
    assert deliver("relup-show", *ONE_WAY, "--target", str(MUSL)).stdout == "musl\n"
    assert deliver("relup-show", *ONE_WAY, "--target", "linux-pdp11-glibc").returncode == 64


def test_a_damaged_relup_is_told(deliver: Cli, store: Store) -> None:
    three(store)
    path = store.objects.path(sha256(FILES["relup"]))
    path.chmod(0o644)
    path.write_bytes(b"garbage")
    assert deliver("relup-show", *ONE_WAY).returncode == 73
    done = deliver("store-verify", "--discard")
    assert "demo 0.1.0..0.2.0 (linux-x86_64-glibc) cannot be deployed whole" in done.stderr
    assert "1 removed: build or import again what needs it" in done.stderr


def test_a_sound_store_counts_its_upgrades(deliver: Cli, store: Store) -> None:
    three(store)
    assert "3 releases and 2 upgrades in " in deliver("store-verify").stderr
    assert json.loads(deliver("store-verify", "--json").stdout)["upgrades"] == 2


def test_pruning_says_which_upgrades_went(deliver: Cli, store: Store) -> None:
    three(store)
    assert "1 release, 1 upgrade, " in deliver("prune", "--version", "0.0.9", "--dry-run").stderr
    document = json.loads(deliver("prune", "--version", "0.0.9", "--json").stdout)
    assert [(one["from_version"], one["to_version"]) for one in document["upgrades"]] == [("0.0.9", "0.2.0")]
    assert [one.from_version for one in store.pairs("demo")] == ["0.1.0"]


def test_a_damaged_record_of_an_upgrade_says_what_mends_it(deliver: Cli, store: Store) -> None:
    releases = three(store)
    path = store.upgrades.path_of(pair(*releases[1:]))
    path.chmod(0o644)
    path.write_text("{")
    for task in ("releases", "upgrades"):
        done = deliver(task)
        assert (done.returncode, "store-verify --discard" in done.stderr) == (73, True)
    deliver("store-verify", "--discard")
    assert deliver("releases").returncode == 0
