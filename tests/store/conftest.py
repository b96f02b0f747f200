"""A store, and releases to put into it."""

from __future__ import annotations

from pathlib import Path

import pytest

from deliver.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store that is not made yet."""
    return Store(tmp_path / "the store")
