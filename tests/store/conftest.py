"""A store, and real releases to put into it."""

from __future__ import annotations

from pathlib import Path

import pytest

from deliver.store.store import Store
from tests.store import apps


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store that is not made yet."""
    return Store(tmp_path / "the store")


@pytest.fixture(scope="session")
def mix_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a release that mix made, with its archive at ../../demo-0.1.0.tar.gz."""
    return apps.mix(tmp_path_factory.mktemp("mix") / "demo")


@pytest.fixture(scope="session")
def rebar3_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a release that rebar3 made, with its archive in it."""
    return apps.rebar3(tmp_path_factory.mktemp("rebar3") / "demo")
