"""Releases and pairs that the tests of hot upgrades share: made once, for all tests of a run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deliver.config.schema import Rehearsal
from deliver.upgrade.flow import Request, build_upgrade
from tests.build.workshop import Workshop
from tests.hosts import Fleet
from tests.ports import own_ports
from tests.upgrade.desk import Desk
from tests.upgrade.once import compiled_once
from tests.upgrade.works import Works


@pytest.fixture(scope="session", autouse=True)
def our_erlang() -> Iterator[None]:
    """Our own Erlang, compiled for the first pair of a run."""
    with compiled_once():
        yield


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """The counter, an Elixir application with runtime configuration, in two versions with a hot pair between them."""
    shop = Workshop.make(tmp_path_factory.mktemp("counter"), "counter")
    shop = replace(shop, config=replace(shop.config, rehearsal=Rehearsal(env=own_ports())))
    made = build_upgrade(shop.config, shop.store, shop.story, Request("0.1.0", "0.2.0"))
    assert made.pair.verdict == "hot", made.pair.reasons
    return shop


@pytest.fixture(scope="session")
def works(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """The mill in many versions."""
    works = Works.make(tmp_path_factory.mktemp("mill"))
    yield works
    works.pool.shutdown(cancel_futures=True)


@pytest.fixture
def counter(fleet: Fleet, workshop: Workshop, tmp_path: Path) -> Desk:
    """A desk for the counter; nothing is on the hosts."""
    desk = Desk(tmp_path, fleet, "counter", 4000, workshop.store)
    desk.write_config()
    return desk


@pytest.fixture
def mill(fleet: Fleet, works: Works, tmp_path: Path) -> Desk:
    """A desk for the mill; nothing is on the hosts."""
    desk = Desk(tmp_path, fleet, "mill", 4200, works.store)
    desk.write_config()
    return desk
