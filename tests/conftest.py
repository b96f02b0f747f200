"""What tests of several rooms share: the hosts, the port mapper of Erlang, and how they run beside each other."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from xdist import is_xdist_worker
from xdist.remote import Producer

from tests.beside import Beside, turn
from tests.hosts import Fleet, obstacle

HOSTS = ("build1", "stage1", "prod1", "prod2", "prod3")
EPMD = pytest.StashKey[bool]()


def pytest_xdist_auto_num_workers() -> int:
    """Say what `-n auto` means: tests wait for more than half of their time."""
    return min(16, 1 + 2 * (os.cpu_count() or 1))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Beside:
    """Say what runs beside what; the order is ours, not that of how many tests a module has."""
    config.option.loadscopereorder = False
    return Beside(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs hosts where none can be made, and say why."""
    items.sort(key=lambda item: turn(item.nodeid))
    reason = obstacle()
    if reason:
        for item in items:
            if item.get_closest_marker("hosts"):
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Have the machine's port mapper run, for all workers.

    Without one, the first node starts that of its release, which outlives the node, and ends with the release's test.
    """
    if not is_xdist_worker(session) and shutil.which("epmd"):
        session.config.stash[EPMD] = not _epmd("-names") and _epmd("-daemon")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the port mapper, if it is ours."""
    if session.config.stash.get(EPMD, False):
        _epmd("-kill")  # it refuses while it knows a node, which then is not ours


def _epmd(option: str) -> bool:
    return subprocess.run(["epmd", option], check=False, capture_output=True).returncode == 0


@pytest.fixture(scope="session")
def session_fleet() -> Iterator[Fleet]:
    """A build host, a staging host and three production hosts, for all tests of this worker; use `fleet`."""
    with Fleet(HOSTS) as fleet:
        yield fleet


@pytest.fixture
def fleet(session_fleet: Fleet) -> Iterator[Fleet]:
    """The hosts, up, empty and trusted; whatever a test does to them is mended after it."""
    yield session_fleet
    session_fleet.mend()
