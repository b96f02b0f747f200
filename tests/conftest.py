"""What tests of several rooms share: the hosts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hosts import Fleet, obstacle

HOSTS = ("build1", "stage1", "prod1", "prod2", "prod3")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs hosts where none can be made, and say why."""
    reason = obstacle()
    if reason:
        for item in items:
            if item.get_closest_marker("hosts"):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def session_fleet() -> Iterator[Fleet]:
    """A build host, a staging host and three production hosts, for all tests of this run; use `fleet`."""
    with Fleet(HOSTS) as fleet:
        yield fleet


@pytest.fixture
def fleet(session_fleet: Fleet) -> Iterator[Fleet]:
    """The hosts, up, empty and trusted; whatever a test does to them is mended after it."""
    yield session_fleet
    session_fleet.mend()
