"""What tests of several rooms share: the hosts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hosts import Fleet, obstacle
from tests.upgrades.corpus import Case, Runs

HOSTS = ("build1", "stage1", "prod1", "prod2", "prod3")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs hosts where none can be made, and say why."""
    reason = obstacle()
    if reason:
        for item in items:
            if item.get_closest_marker("hosts"):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session", autouse=True)
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """The corpus of upgrade pairs, as far as this session asks for it; it takes long, and so begins at once."""
    asked = [item.callspec.params.get("case") for item in request.session.items if hasattr(item, "callspec")]
    made = Runs(tmp_path_factory.mktemp("corpus"))
    made.begin([one for one in asked if isinstance(one, Case)])
    yield made
    made.end()


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
