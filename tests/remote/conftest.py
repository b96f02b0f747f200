from __future__ import annotations

from collections.abc import Iterator

import pytest

from deliver.config.schema import Ssh
from tests.hosts.fleet import Fleet


@pytest.fixture(scope="module")
def pair() -> Iterator[Fleet]:
    """Two hosts of this module's own: its tests change keys and stop sshd."""
    with Fleet(["inner", "jump"], name="remote") as fleet:
        yield fleet


@pytest.fixture
def ssh(pair: Fleet) -> Iterator[Ssh]:
    yield Ssh(config=pair.ssh_config, connect_timeout=5)
    pair.mend()
