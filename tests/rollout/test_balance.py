"""Five hosts behind a real HAProxy, under load: whatever is rolled through them, nobody who asks notices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts import Fleet
from tests.rollout import street
from tests.rollout.load import Load
from tests.rollout.street import Street
from tests.upgrade.desk import Done
from tests.upgrade.works import Works

pytestmark = [pytest.mark.hosts, pytest.mark.slow]

HOSTS = ("prod1", "prod2", "prod3", "stage1", "build1")
CONNECTIONS = 200
UP = dict.fromkeys(HOSTS, "UP")
#: How soon a host is given up that is not well.
SOON = "environments.production.rolling.healthy_deadline=3s"


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """The kiosk in its versions."""
    works = Works.make(tmp_path_factory.mktemp("kiosks"), street.versions(), [("0.1.0", "0.2.0")])
    yield works
    works.pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def kiosks(tmp_path_factory: pytest.TempPathFactory, session_fleet: Fleet, works: Works) -> Iterator[Street]:
    """The kiosks behind their balancer; whatever they ran before, each test brings them to where it begins."""
    if not Path("/usr/sbin/haproxy").exists():
        pytest.skip("there is no haproxy")
    kiosks = Street.make(tmp_path_factory.mktemp("desk"), session_fleet, works, HOSTS, "build1")
    try:
        yield kiosks
    finally:
        kiosks.close()
        session_fleet.mend()


def unnoticed(load: Load, *versions: str) -> bool:
    """Whether no request failed, and all of these versions answered, and no other one."""
    return load.total > 1000 and load.failed == 0 and sorted(load.answers) == sorted(versions)


def are(state: str, done: Done) -> bool:
    """Whether all hosts have come to this state."""
    return done.code == 0 and done.states == dict.fromkeys(HOSTS, state)


def test_a_rolling_restart_is_not_noticed(kiosks: Street) -> None:
    kiosks.serve("0.1.0")
    with kiosks.load() as load:
        done = kiosks.desk.deliver("rolling-restart", "--on", "production", "--yes")

    assert are("restarted", done)
    assert unnoticed(load, "0.1.0")
    assert kiosks.servers() == UP


# One that crashes as it boots, one that boots and is not well.
@pytest.mark.parametrize("version", ["2.1.0", "2.2.0"])
def test_a_bad_release_is_not_noticed_nor_is_the_way_back(kiosks: Street, version: str) -> None:
    kiosks.serve("0.1.0")
    with kiosks.load() as load:
        bad = kiosks.desk.release(version, "--strategy", "restart", "--set", SOON)
        seen = kiosks.servers()
        back = kiosks.desk.rollback("--version", "0.1.0")

    assert bad.states == dict.fromkeys(HOSTS, "not touched") | {"prod1": "failed"}, bad.told
    assert seen == UP | {"prod1": "DOWN"}
    assert back.runs == dict.fromkeys(HOSTS, "0.1.0"), back.told
    assert unnoticed(load, "0.1.0")
    assert kiosks.servers() == UP


def test_a_hot_release_keeps_every_connection_and_so_does_the_way_back(kiosks: Street, works: Works) -> None:
    works.pair("0.1.0", "0.2.0")
    kiosks.serve("0.1.0")
    callers = kiosks.callers(CONNECTIONS)
    try:
        heard = [callers.round()]
        with kiosks.load() as load:
            up = kiosks.desk.release("0.2.0")
            heard.append(callers.round())
            down = kiosks.desk.rollback()
        heard.append(callers.round())
    finally:
        callers.close()

    assert are("upgraded", up)
    assert are("downgraded", down)
    assert heard == [{"1": CONNECTIONS}, {"2 7": CONNECTIONS}, {"3": CONNECTIONS}]
    assert unnoticed(load, "0.1.0", "0.2.0")


def test_a_release_that_restarts_is_not_noticed(kiosks: Street) -> None:
    kiosks.serve("0.1.0")
    with kiosks.load() as load:
        done = kiosks.desk.release("0.2.0", "--strategy", "restart")

    assert are("restarted", done)
    assert unnoticed(load, "0.1.0", "0.2.0")
    assert kiosks.servers() == UP
