"""What is on hosts for the tests of rolls: a kiosk to look at, a shelf with migrations, mills to roll."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.build.workshop import Workshop
from tests.hosts import Fleet
from tests.rollout.kiosk import Kiosk, build, opened
from tests.rollout.shelf import Desk


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """The application `shelf`, which has migrations, in two versions."""
    shop = Workshop.make(tmp_path_factory.mktemp("shelf"), "shelf")
    shop.build(tag="v0.1.0")
    shop.build(tag="v0.2.0")
    return shop


@pytest.fixture
def desk(fleet: Fleet, shop: Workshop, tmp_path: Path) -> Desk:
    """An operator's desk; the first of two hosts boots 0.1.0, which does not run, and has 0.2.0 beside it."""
    desk = Desk(tmp_path, fleet, shop)
    installed = shop.root / "installed"
    if installed.exists():
        desk.host.put(installed, "/srv/shelf")
    else:
        desk.deploy("0.1.0")
        desk.deploy("0.2.0")
        shutil.copytree(desk.root, installed, symlinks=True)
    return desk


@pytest.fixture(scope="session")
def kiosks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release of the kiosk, by version."""
    return build(tmp_path_factory.mktemp("kiosk"), "0.1.0", "0.2.0")


@pytest.fixture(scope="module")
def kiosk(session_fleet: Fleet, kiosks: Path) -> Iterator[Kiosk]:
    """The kiosk on prod1, open; its tests look at it, and leave it as it was."""
    try:
        with opened(session_fleet, kiosks / "0.1.0", "prod1") as kiosk:
            yield kiosk
    finally:
        session_fleet.mend()
