"""Health: of a watch by its looks, of a node by what it tells, of a host by all that it is asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deliver.config.schema import Pause, Rolling
from deliver.errors import NodeError, RemoteError
from deliver.node.control import start, stop
from deliver.node.facts import NodeState
from deliver.remote.session import Session
from deliver.rollout.health import Look, Watch, look, stay_healthy, unwell
from tests.node.releases import eventually
from tests.rollout.kiosk import PORT, Kiosk

WELL, ILL = Look((), "1"), Look(("it is ill",), "1")
STATE = NodeState(
    "mill@prod1",
    current="0.2.0",
    permanent="0.1.0",
    uptime=1.0,
    memory=1,
    processes=1,
    applications={"kernel": "8.5", "mill": "0.2.0", "more": "1"},
    otp="25",
    erts="13",
    booted=True,
    wanted={"kernel": "8.5", "mill": "0.2.0"},
)


def watched(*looks: Look, min_healthy: float = 2.0) -> tuple[list[bool], Watch]:
    """Return what a watch says after each of the looks, one a second."""
    watch = Watch(min_healthy, 10.0, began=0.0)
    return [watch.see(one, float(at)) for at, one in enumerate(looks)], watch


def test_a_host_is_healthy_for_long_enough_only_without_a_break() -> None:
    said, watch = watched(ILL, WELL, WELL, ILL, WELL, WELL, WELL)

    assert said == [False] * 6 + [True]
    assert watch.flaps == 1


def test_without_a_least_time_one_good_look_is_enough() -> None:
    said, watch = watched(ILL, WELL, min_healthy=0.0)

    assert said == [False, True]
    assert watch.flaps == 0


def test_a_node_that_restarted_between_two_good_looks_has_flapped() -> None:
    said, watch = watched(WELL, WELL, Look((), "2"), Look((), "2"), Look((), "2"))

    assert said == [False, False, False, False, True]
    assert (watch.flaps, watch.restarts) == (1, 1)


def test_a_node_that_did_not_answer_for_a_while_may_be_the_same_one() -> None:
    _, watch = watched(WELL, Look(("silent",)), WELL)

    assert (watch.flaps, watch.restarts) == (1, 0)


def test_a_watch_tells_what_was_last_and_how_often_it_was_well() -> None:
    _, watch = watched(WELL, ILL, WELL, Look((), "2"), Look(("it is gone",)))

    assert watch.story() == "it is gone; it flapped 3 times; its node restarted once"
    assert not watch.is_over(9.9)
    assert watch.is_over(10.0)


def test_the_last_rest_is_no_longer_than_what_is_left() -> None:
    _, watch = watched(ILL, WELL)

    assert [watch.rest(at, 1.0) for at in (1.0, 2.5, 9.5)] == [1.0, 0.5, 0.0]


def test_a_node_is_well_by_its_own_release() -> None:
    assert unwell(STATE, "0.2.0") == unwell(STATE, "") == []
    assert unwell(STATE, "0.1.0") == ["it runs 0.2.0, not 0.1.0"]
    assert unwell(replace(STATE, booted=False), "0.2.0") == ["it has not booted to the end"]
    assert unwell(replace(STATE, wanted={"mill": "0.3.0", "gone": "1", "away": "2"}), "") == [
        "not running: gone away",
        "mill runs at 0.2.0, and 0.2.0 has 0.3.0",
    ]


# On a host -----------------------------------------------------------------------------------------------------------


HEALTH = f"http://127.0.0.1:{PORT}/health"
hosts = pytest.mark.hosts


def looked(kiosk: Kiosk, version: str = "0.1.0", session: Session | None = None, **checks: Any) -> list[str]:
    return look(session or kiosk.session, kiosk.host, kiosk.with_health(**checks), "mill", version)


@hosts
def test_everything_is_looked_at_in_one_script(kiosk: Kiosk, tmp_path: Path) -> None:
    before = kiosk.session.commands
    found = look(
        kiosk.session,
        kiosk.host,
        kiosk.with_health(
            http=HEALTH,
            body="is well",
            tcp=str(PORT),
            rpc="mill:turns() >= 0",
            command='test "$DELIVER_HOST/$DELIVER_APP/$DELIVER_VERSION" = prod1/mill/0.1.0',
            local_command='test "$DELIVER_ENVIRONMENT" = production && touch here',
        ),
        "mill",
        "0.1.0",
        directory=str(tmp_path),
    )

    assert found == []
    assert kiosk.session.commands == before + 1
    assert (tmp_path / "here").exists()


@hosts
@pytest.mark.parametrize(
    ("checks", "reason"),
    [
        ({"http": HEALTH, "status": 204}, f"{HEALTH}: it answers 200, not 204: 'all is well'"),
        ({"http": HEALTH, "body": "√"}, f"{HEALTH}: its answer has no '√': 'all is well'"),
        ({"http": "http://localhost:4299/x"}, "http://localhost:4299/x: nobody takes the connection"),
        ({"http": f"https://127.0.0.1:{PORT}/"}, f"https://127.0.0.1:{PORT}/: "),
        ({"tcp": "4299"}, "tcp 4299: nobody takes the connection"),
        ({"tcp": "prod1:4299"}, "tcp prod1:4299: nobody takes the connection"),
        ({"rpc": "1 + 1"}, "rpc: 1 + 1 is 2, not true"),
        ({"rpc": "error(boo)"}, "rpc: error(boo) is error: boo, not true"),
        ({"rpc": "timer:sleep(9000)"}, "rpc: the expression was not done within 1 s, and was ended"),
        ({"command": "echo one; echo two >&2; exit 3"}, "command: it ended with status 3\n  | one\n  | two"),
        ({"command": "sleep 9 & sleep 9"}, "command: it did not end within 1 s"),
        ({"local_command": "echo why; false"}, "local: local_command ended with status 1\n  | why"),
        ({"local_command": "sleep 9"}, "local: local_command did not end within 1 s"),
    ],
)
def test_each_check_tells_why_it_does_not_pass(kiosk: Kiosk, checks: dict[str, Any], reason: str) -> None:
    (found,) = looked(kiosk, **checks)

    assert found.startswith(reason)


@hosts
def test_what_is_not_ready_is_not_asked_from_outside(kiosk: Kiosk) -> None:
    assert looked(kiosk, "0.2.0", http="http://127.0.0.1:4299/") == ["it runs 0.1.0, not 0.2.0"]


@hosts
def test_a_state_of_the_application_is_seen(kiosk: Kiosk) -> None:
    kiosk.ask("application:set_env(mill, health, ill)")
    ill = looked(kiosk, http=HEALTH)
    kiosk.ask("application:set_env(mill, health, mute)")
    mute = looked(kiosk, http=HEALTH)
    kiosk.ask("application:set_env(mill, health, well), application:stop(mill)")
    stopped = looked(kiosk, http=HEALTH)
    kiosk.ask("application:start(mill)")

    assert ill == [f"{HEALTH}: it answers 503, not 200 to 299: 'the wheel is stuck'"]
    assert mute == [f"{HEALTH}: no answer within 1 s"]
    assert stopped == ["not running: mill"]
    assert looked(kiosk, http=HEALTH) == []


@pytest.fixture
def no_forwarding(kiosk: Kiosk) -> Iterator[Session]:
    """A session for which the sshd opens no connections."""
    keys = kiosk.fleet["prod1"].path("/home/deploy/.ssh/authorized_keys")
    before = keys.read_text()
    keys.write_text(f"no-port-forwarding {before}")
    yield kiosk.open()
    keys.write_text(before)


@hosts
def test_an_sshd_that_opens_no_connections_is_told_of_with_what_to_do(kiosk: Kiosk, no_forwarding: Session) -> None:
    with pytest.raises(RemoteError, match="prod1: its sshd opens no connections for this user") as caught:
        looked(kiosk, session=no_forwarding, http=HEALTH)

    assert "AllowTcpForwarding local" in caught.value.hint


TLS = """
import http.server, ssl
server = http.server.HTTPServer(("127.0.0.1", 4443), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/srv/tls.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.handle_request()
"""


@hosts
def test_https_is_asked_for_whoever_the_certificate_names(kiosk: Kiosk) -> None:
    host = kiosk.fleet["prod1"]
    host.shell(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=elsewhere"
        " -keyout /srv/tls.pem -out /srv/cert 2>/dev/null; cat /srv/cert >>/srv/tls.pem;"
        " mkdir /srv/www; echo served >/srv/www/index.html"
    )
    host.shell(f"cd /srv/www; python3 -c '{TLS}' >/dev/null 2>&1 & echo")
    eventually(lambda: looked(kiosk, http="https://127.0.0.1:4443/?a=b", body="served") == [])


# For a while ---------------------------------------------------------------------------------------------------------


def stayed(
    kiosk: Kiosk,
    then: Sequence[Callable[[], object]] = (),
    *,
    min_healthy: float = 0.4,
    deadline: float = 8.0,
    **checks: Any,
) -> tuple[float, list[str]]:
    """Wait until the kiosk is healthy, and do one thing after another, one at each note.

    Returns:
        how long it took from the last thing on, and the notes.
    """
    notes: list[str] = []
    todo = list(then)
    began = time.monotonic()

    def note(what: str) -> None:
        nonlocal began
        notes.append(what)
        if todo:
            todo.pop(0)()
            began = time.monotonic()

    environment = kiosk.with_health(Rolling(min_healthy=Pause(min_healthy), healthy_deadline=deadline), **checks)
    stay_healthy(kiosk.session, kiosk.host, environment, "mill", "0.1.0", note=note, reconnect=kiosk.open)
    return time.monotonic() - began, notes


@hosts
def test_a_host_that_stays_healthy_takes_its_least_time(kiosk: Kiosk) -> None:
    took, notes = stayed(kiosk, http=HEALTH)

    assert 0.4 <= took < 2.0
    assert notes == ["healthy"]


@hosts
def test_a_host_that_flaps_begins_anew(kiosk: Kiosk) -> None:
    ill, well = (f"application:set_env(mill, health, {word})" for word in ("ill", "well"))
    took, notes = stayed(kiosk, [lambda: kiosk.ask(ill), lambda: kiosk.ask(well)], http=HEALTH)

    assert took >= 0.4
    assert [note.partition(": it")[0] for note in notes] == ["healthy", HEALTH, "healthy"]


@hosts
def test_a_node_that_restarts_between_two_looks_begins_anew(kiosk: Kiosk) -> None:
    def restart() -> None:
        stop(kiosk.session, kiosk.host, kiosk.environment, "mill")
        start(kiosk.session, kiosk.host, kiosk.environment, "mill")

    took, notes = stayed(kiosk, [restart])

    assert took >= 0.4
    assert notes == ["healthy"]


@hosts
def test_a_lost_connection_is_an_unhealthy_look_and_is_made_anew(kiosk: Kiosk) -> None:
    broken = replace(kiosk, session=kiosk.open())
    took, notes = stayed(broken, [broken.session.close], http=HEALTH)

    assert took >= 0.4
    assert notes[0] == notes[2] == "healthy"
    assert "the connection was lost" in notes[1]


@hosts
def test_a_host_that_does_not_become_healthy_is_told_of_with_its_log(kiosk: Kiosk) -> None:
    with pytest.raises(NodeError) as caught:
        stayed(kiosk, deadline=0.5, http=HEALTH, status=204)

    first, *log = caught.value.message.splitlines()
    assert first.startswith(f"prod1: it was not healthy for 0.4 s within 0.5 s: {HEALTH}: it answers 200, not 204")
    assert log
    assert all(line.startswith("  | ") for line in log)
    assert caught.value.hint == "see more with: logs --on production --host prod1 --lines 500"


@hosts
def test_a_host_whose_node_is_down_says_so(kiosk: Kiosk) -> None:
    stop(kiosk.session, kiosk.host, kiosk.environment, "mill")
    found = looked(kiosk, http=HEALTH)
    start(kiosk.session, kiosk.host, kiosk.environment, "mill")

    assert found == ["the node does not run"]
