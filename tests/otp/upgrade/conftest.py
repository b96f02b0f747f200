"""Our reader of release trees, compiled once."""

from __future__ import annotations

import pytest

from tests.otp.upgrade.trees import Reader


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return Reader.make(tmp_path_factory.mktemp("beams"))
