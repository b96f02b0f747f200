"""Pruning the store beside hosts that have some of its releases."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from deliver.config.schema import Config, Environment, Host, Ssh
from deliver.errors import FleetError, LockedError, UsageError
from deliver.report import Silent
from deliver.rollout.pruning import Request, installed, prune
from deliver.store.store import Store
from deliver.store.verify import verify
from tests.store.samples import put, record, tree


def host(name: str, directory: Path) -> Host:
    """Return a host that is this machine, below a directory of its own."""
    return Host(name, address="local", path=str(directory / name))


def config(directory: Path, **environments: tuple[Host, ...]) -> Config:
    return Config(
        file=directory / "deliver.toml",
        app="demo",
        repository=directory,
        store=directory / "store",
        ssh=Ssh(connect_timeout=3.0),
        environments={name: Environment(name, hosts) for name, hosts in environments.items()},
    )


def install(place: Host, *versions: str, permanent: str = "") -> None:
    """Make a host look as if it had versions: what the facts go by."""
    releases = Path(place.path, "demo", "releases")
    for version in versions:
        (releases / version).mkdir(parents=True)
        (releases / version / "start.boot").touch()
    if permanent:
        releases.mkdir(parents=True, exist_ok=True)
        (releases / "start_erl.data").write_text(f"13.1.5 {permanent}\n")


def versions(store: Store) -> list[str]:
    return [one.version for one in store.releases("demo")]


@pytest.fixture
def full(tmp_path: Path) -> Store:
    """A store with six versions of demo, and one of another application."""
    store = Store(tmp_path / "store")
    for number in range(6):
        put(store, record(f"0.{number}.0"))
    put(store, record("0.0.1", name="other"))
    return store


def test_without_hosts_only_the_newest_stay(full: Store, tmp_path: Path) -> None:
    pruned = prune(config(tmp_path), full, Silent(), Request(keep=2))
    assert versions(full) == [one.version for one in pruned.kept] == ["0.4.0", "0.5.0"]
    assert pruned.freed.size > 0
    assert verify(full).faults == ()


def test_another_application_of_the_store_stays(full: Store, tmp_path: Path) -> None:
    put(full, record("0.0.2", name="other"))
    prune(config(tmp_path), full, Silent(), Request(keep=1))
    assert [one.version for one in full.releases("other")] == ["0.0.1", "0.0.2"]


def test_what_any_host_of_any_environment_has_stays(full: Store, tmp_path: Path) -> None:
    web1, web2, stage = (host(name, tmp_path) for name in ("web1", "web2", "stage"))
    install(web1, "0.0.0", "0.2.0", permanent="0.2.0")
    install(web2, "0.2.0", permanent="0.2.0")
    install(stage, permanent="0.3.0")
    setting = config(tmp_path, production=(web1, web2), staging=(stage,))
    pruned = prune(setting, full, Silent(), Request(keep=1))
    assert versions(full) == ["0.0.0", "0.2.0", "0.3.0", "0.5.0"]
    assert pruned.holders["0.2.0"] == ["production/web1", "production/web2"]
    assert pruned.holders["0.3.0"] == ["staging/stage"]


def test_a_host_that_does_not_answer_stops_all_of_it(full: Store, tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    gone = Host("gone", address="127.0.0.1", port=port, path="/srv")
    before = tree(full.path)
    with pytest.raises(FleetError, match="nothing was pruned") as caught:
        prune(config(tmp_path, production=(host("web1", tmp_path), gone)), full, Silent(), Request(keep=1))
    assert "gone" in caught.value.message
    assert caught.value.code == 69
    assert tree(full.path) == before


def test_a_dry_run_says_it_all_and_removes_nothing(full: Store, tmp_path: Path) -> None:
    before = tree(full.path)
    shown = prune(config(tmp_path), full, Silent(), Request(keep=2, dry_run=True))
    assert tree(full.path) == before
    assert prune(config(tmp_path), full, Silent(), Request(keep=2)) == shown


def test_one_version_is_removed_by_its_name(full: Store, tmp_path: Path) -> None:
    prune(config(tmp_path), full, Silent(), Request(version="0.5.0"))
    assert versions(full) == [f"0.{number}.0" for number in range(5)]
    with pytest.raises(UsageError, match=r"no demo 0\.5\.0"):
        prune(config(tmp_path), full, Silent(), Request(version="0.5.0"))


def test_one_version_that_a_host_has_stays(full: Store, tmp_path: Path) -> None:
    web1 = host("web1", tmp_path)
    install(web1, "0.1.0")
    with pytest.raises(UsageError, match=r"0\.1\.0 stays: it is on production/web1"):
        prune(config(tmp_path, production=(web1,)), full, Silent(), Request(version="0.1.0"))
    assert "0.1.0" in versions(full)


def test_nothing_is_pruned_while_a_deploy_reads(full: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patient = full.alone
    monkeypatch.setattr(full, "alone", lambda: patient(wait=0.1))
    with Store(full.path).reader(), pytest.raises(LockedError):
        prune(config(tmp_path), full, Silent(), Request(keep=1))
    assert len(versions(full)) == 6


def test_an_empty_store_needs_no_pruning(tmp_path: Path) -> None:
    assert prune(config(tmp_path), Store(tmp_path / "store"), Silent(), Request(keep=1)).freed.releases == ()
    assert not (tmp_path / "store").exists()


def test_hosts_without_the_application_have_nothing(tmp_path: Path) -> None:
    assert installed(config(tmp_path, production=(host("web1", tmp_path),)), Silent()) == {}
