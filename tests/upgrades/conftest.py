"""Runs the corpus ahead of its tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.upgrades.corpus import Runs


@pytest.fixture(scope="session")
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """All cases that this session asks for, started in the order of their tests."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        made = Runs(tmp_path_factory.mktemp("corpus"), pool)
        asked = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
        made.start([one["case"] for one in asked if "case" in one])
        yield made
        pool.shutdown(cancel_futures=True)
