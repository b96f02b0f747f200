"""A real cluster of two nodes on two hosts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Timer

import pytest

from deliver.config.schema import Pause, Rolling
from deliver.errors import NodeError
from deliver.node.control import start, stop
from deliver.remote.session import Session
from deliver.rollout.cluster import members, rejoin
from tests.hosts import Fleet
from tests.rollout.kiosk import Kiosk, opened

pytestmark = pytest.mark.hosts

BOTH = frozenset({"mill@prod1", "mill@prod2"})


@pytest.fixture(scope="module")
def pair(kiosk: Kiosk, session_fleet: Fleet, kiosks: Path) -> Iterator[tuple[Kiosk, Kiosk]]:
    """Two kiosks that know each other."""
    with opened(session_fleet, kiosks / "0.1.0", "prod2") as other:
        assert join(kiosk) == "true"
        yield kiosk, other


def join(kiosk: Kiosk) -> str:
    return kiosk.ask("net_kernel:connect_node('mill@prod2')")


def rejoined(kiosk: Kiosk, expected: frozenset[str], deadline: float = 5.0, session: Session | None = None) -> str:
    environment = replace(kiosk.environment, rolling=Rolling(min_healthy=Pause(0.0), healthy_deadline=deadline))
    return rejoin(session or kiosk.session, kiosk.host, environment, "mill", expected, reconnect=kiosk.open)


def test_members_are_the_node_and_all_that_it_sees(pair: tuple[Kiosk, Kiosk]) -> None:
    assert [members(one.session, one.host, "mill") for one in pair] == [BOTH, BOTH]


def test_a_restarted_node_is_waited_for_until_it_is_back(pair: tuple[Kiosk, Kiosk]) -> None:
    one, other = pair
    stop(one.session, one.host, one.environment, "mill")
    left = members(other.session, other.host, "mill")
    start(one.session, one.host, one.environment, "mill")
    alone = members(one.session, one.host, "mill")
    knocking = replace(one, session=one.open())
    Timer(0.3, lambda: join(knocking)).start()

    assert left == {"mill@prod2"}
    assert alone == {"mill@prod1"}
    assert rejoined(one, BOTH).startswith("2 in the cluster after ")


def test_one_that_is_down_itself_is_not_waited_for(pair: tuple[Kiosk, Kiosk]) -> None:
    one, _ = pair
    with pytest.raises(NodeError) as caught:
        rejoined(one, BOTH | {"mill@prod3", "mill@prod4"}, 0.2)

    assert caught.value.message == (
        "prod1: its node did not join its cluster again within 0.2 s: it does not see mill@prod3, mill@prod4"
    )
    assert rejoined(one, BOTH).startswith("2 in the cluster after 0.")


def test_a_lost_connection_is_made_anew(pair: tuple[Kiosk, Kiosk]) -> None:
    broken = pair[0].open()
    broken.close()

    assert rejoined(pair[0], BOTH, session=broken).startswith("2 in the cluster after ")


def test_a_node_that_is_down_says_so(pair: tuple[Kiosk, Kiosk]) -> None:
    one, _ = pair
    stop(one.session, one.host, one.environment, "mill")
    with pytest.raises(NodeError, match="prod1: the node does not run at /srv/mill"):
        members(one.session, one.host, "mill")
    with pytest.raises(NodeError, match=r"again within 0\.2 s: prod1: the node does not run"):
        rejoined(one, BOTH, 0.2)
    start(one.session, one.host, one.environment, "mill")
