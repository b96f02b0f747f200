"""Taking a host out of service and back, before a real HAProxy and with real connections."""

from __future__ import annotations

import contextlib
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from deliver.config.schema import Drain, Haproxy, Host, Pause, Rolling
from deliver.errors import DeliverError, FleetError, NodeError, RemoteError
from deliver.node.control import start, stop
from deliver.remote.local import LocalSession
from deliver.remote.script import script
from deliver.remote.session import Session
from deliver.report import Silent
from deliver.rollout.drain import Place, drain, undrain
from deliver.rollout.elsewhere import Elsewhere
from deliver.rollout.haproxy import Server, _exchange
from tests.node.releases import eventually
from tests.rollout.kiosk import PORT, Kiosk

pytestmark = pytest.mark.hosts

BALANCER = """
global
  stats socket /srv/haproxy/admin.sock mode 600 level admin
  stats socket ipv4@127.0.0.1:9999 level admin
  stats socket /srv/haproxy/weak.sock level user
defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
frontend web
  bind :8080
  default_backend web
backend web
  option httpchk GET /health
  server prod1 prod1:4200 check inter 100 fastinter 50 fall 2 rise 2
  server unchecked prod1:4200 backup
"""
SOCKET, PORT_OF_API = "/srv/haproxy/admin.sock", "127.0.0.1:9999"


@pytest.fixture(scope="module")
def balancer(kiosk: Kiosk) -> Iterator[Kiosk]:
    """A HAProxy on stage1, before the kiosk."""
    if not Path("/usr/sbin/haproxy").exists():
        pytest.skip("there is no haproxy")
    host = kiosk.fleet["stage1"]
    host.path("/srv/haproxy").mkdir()
    host.path("/srv/haproxy/haproxy.cfg").write_text(BALANCER)
    host.shell("chown -R deploy /srv/haproxy")
    host.run(["/usr/sbin/haproxy", "-D", "-f", "/srv/haproxy/haproxy.cfg"], user="deploy")
    eventually(lambda: status(kiosk) == "UP")
    yield kiosk
    host.shell("kill -KILL $(pidof haproxy)")


def status(kiosk: Kiosk, name: str = "prod1") -> str:
    """Return what HAProxy calls a server, asked without us."""
    rows = kiosk.fleet["stage1"].shell(
        "perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(Peer => q(/srv/haproxy/admin.sock));"
        ' print $s "show stat -1 4 -1\\n"; print while <$s>\''
    )
    return next(row.split(",")[17] for row in rows.splitlines() if row.startswith(f"web,{name},"))


def haproxy(socket: str = SOCKET, on: str = "stage1", server: str = "{host}") -> Haproxy:
    return Haproxy(socket=socket, on=on, backend="web", server=server)


def place(kiosk: Kiosk, healthy_deadline: float = 5.0, **drained: Any) -> Place:
    """Return the kiosk with this way to drain it."""
    environment = replace(
        kiosk.environment,
        drain=replace(Drain(deadline=2.0), **drained),
        rolling=Rolling(min_healthy=Pause(0.0), healthy_deadline=healthy_deadline),
    )
    return Place(kiosk.session, kiosk.host, environment, "mill", Elsewhere(kiosk.open), version="0.2.0")


def waiting(kiosk: Kiosk, url: str) -> Callable[[], str]:
    """Begin a request that is answered when the kiosk is told to go on; return what waits for the answer."""
    said: list[str] = []
    curl = ["sh", "-c", f"exec 3<>/dev/tcp/{url}; printf 'GET /wait HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"]
    command = ["bash", *curl[1:]]
    thread = Thread(target=lambda: said.append(kiosk.fleet["build1"].run(command).stdout))
    thread.start()
    eventually(lambda: kiosk.ask(_WAITERS) == "1")

    def answer() -> str:
        thread.join(10)
        return said[0]

    return answer


_WAITERS = 'length([N || N <- registered(), lists:prefix("waits_", atom_to_list(N))])'
_GO_ON = '[N ! go_on || N <- registered(), lists:prefix("waits_", atom_to_list(N))], ok'


@pytest.mark.parametrize("socket", [SOCKET, PORT_OF_API])
def test_haproxy_lets_a_server_go_when_its_sessions_have_ended(balancer: Kiosk, socket: str) -> None:
    here = place(balancer, haproxy=haproxy(socket))
    other = replace(balancer, session=balancer.open())
    answer = waiting(other, "stage1/8080")
    said: list[str] = []
    thread = Thread(target=lambda: said.append(drain(here)))
    thread.start()
    eventually(lambda: status(balancer) == "DRAIN")
    time.sleep(0.3)
    still_there = thread.is_alive()
    other.ask(_GO_ON)
    thread.join(10)

    assert still_there
    assert answer().endswith("waited")
    assert said[0].startswith("web/prod1 drains in HAProxy; no session of web/prod1 left after ")
    assert undrain(here).startswith("web/prod1 is up in HAProxy after ")
    assert status(balancer) == "UP"


def test_after_the_deadline_the_roll_goes_on_and_says_what_is_left(balancer: Kiosk) -> None:
    here = place(balancer, haproxy=haproxy(), deadline=0.3, port=PORT)
    answer = waiting(balancer, "stage1/8080")
    said = drain(here)
    balancer.ask(_GO_ON)
    answer()
    undrain(here)

    assert "1 session of web/prod1 left after 0." in said
    assert f"1 connection to port {PORT} left after 0." in said
    assert said.endswith("gone on without waiting")


def test_a_server_counts_as_back_when_haproxy_itself_sees_it_up(balancer: Kiosk) -> None:
    here = place(balancer, haproxy=haproxy())
    drain(here)
    stop(balancer.session, balancer.host, balancer.environment, "mill")
    eventually(lambda: status(balancer) == "DOWN")
    without_waiting = undrain(here, expect_up=False)
    with pytest.raises(NodeError, match=r"prod1: web/prod1 is ready in HAProxy, which still sees it DOWN after 0\.2 s"):
        undrain(place(balancer, 0.2, haproxy=haproxy()))
    start(balancer.session, balancer.host, balancer.environment, "mill")

    assert without_waiting == "web/prod1 is ready in HAProxy as soon as its checks find it up"
    assert undrain(here).startswith("web/prod1 is up in HAProxy after ")
    assert undrain(here).startswith("web/prod1 is up in HAProxy after 0.")
    assert status(balancer) == "UP"


def test_a_server_without_health_checks_is_back_at_once(balancer: Kiosk) -> None:
    here = place(balancer, haproxy=haproxy(server="unchecked"))
    drain(here)
    drained = status(balancer, "unchecked")

    assert undrain(here).startswith("web/unchecked is up")
    assert (drained, status(balancer, "unchecked")) == ("DRAIN", "no check")


def test_what_somebody_put_into_maintenance_stays_there(balancer: Kiosk) -> None:
    here = place(balancer, haproxy=haproxy())
    one = Server("web", "prod1", lambda command: _asked(balancer, command))
    one.set("maint")
    said = [drain(here), undrain(here)]
    found = status(balancer)
    one.set("ready")
    eventually(lambda: status(balancer) == "UP")

    assert said[0].startswith("web/prod1 is in maintenance in HAProxy already")
    assert said[1] == "web/prod1 stays in maintenance in HAProxy, as somebody has put it"
    assert found == "MAINT"


def _asked(kiosk: Kiosk, command: str) -> str:
    return _exchange(kiosk.open(Host("stage1")), SOCKET, command)


@pytest.mark.parametrize(
    ("way", "why", "hint"),
    [
        (haproxy(server="nobody"), "HAProxy has no server web/nobody", "it has: web/prod1, web/unchecked"),
        (replace(haproxy(), backend="none"), "HAProxy has no server none/prod1", "it has: web/prod1, web/unchecked"),
        (haproxy("/srv/haproxy/none"), "stage1: /srv/haproxy/none is no socket here", "level admin"),
        (haproxy("/srv/haproxy/weak.sock"), "it says 'Permission denied", "level admin"),
        (haproxy("127.0.0.1:9998"), "stage1: HAProxy does not answer at 127.0.0.1:9998: nobody takes", ""),
    ],
)
def test_a_drain_that_cannot_be_begun_says_why(balancer: Kiosk, way: Haproxy, why: str, hint: str) -> None:
    with pytest.raises((NodeError, RemoteError)) as caught:
        drain(place(balancer, haproxy=way))

    assert why in caught.value.message
    assert hint in caught.value.hint
    assert status(balancer) == "UP"


@pytest.mark.parametrize("tool", ["socat", "perl", "python3", "nc", ""])
def test_whatever_can_speak_to_a_socket_does(tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if tool and not shutil.which(tool):
        pytest.skip(f"{tool} is not here")
    for one in filter(None, ("sh", "dd", "gzip", "sleep", "cat", "id", "grep", tool)):
        (tmp_path / one).symlink_to(shutil.which(one) or one)
    monkeypatch.setenv("PATH", str(tmp_path))
    path = tmp_path / "a socket"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        Thread(target=_echo, args=(server,), daemon=True).start()
        arguments = {"socket": str(path), "request": "say 'it' $HOME"}
        done = LocalSession("here", Silent()).run(script("haproxy.sh", arguments), check=False, deadline=5)

    if tool:
        assert done.stdout == b"it was: say 'it' $HOME\n"
    else:
        assert "needs socat, perl, python3 or an nc that knows -U" in done.stderr


def _echo(server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        peer, _ = server.accept()
        with peer:
            peer.sendall(b"it was: " + peer.recv(1000))


@pytest.mark.parametrize("on", ["", "stage1", "local"])
def test_commands_run_where_they_should(kiosk: Kiosk, tmp_path: Path, on: str) -> None:
    mark = str(tmp_path / "mark") if on == "local" else "/srv/mark"
    here = replace(
        place(
            kiosk,
            on=on,
            command=f'echo "$DELIVER_HOST is out for $DELIVER_VERSION" >>{mark}',
            undo_command=f'echo "$DELIVER_HOST is back" >>{mark}',
        ),
        directory=str(tmp_path),
    )
    said = [drain(here), undrain(here)]
    found = Path(mark) if on == "local" else kiosk.fleet[on or "prod1"].path(mark)

    assert said == ["the drain command was run", "the command that ends the drain was run"]
    assert found.read_text() == "prod1 is out for 0.2.0\nprod1 is back\n"


def test_the_node_is_asked_and_its_connections_are_waited_for(kiosk: Kiosk) -> None:
    here = place(kiosk, rpc="application:set_env(mill, drained, true)", undo_rpc="application:unset_env(mill, drained)")
    here = replace(here, environment=replace(here.environment, drain=replace(here.environment.drain, port=PORT)))
    other = replace(kiosk, session=kiosk.open())
    answer = waiting(other, f"prod1/{PORT}")
    said: list[str] = []
    thread = Thread(target=lambda: said.append(drain(here)))
    thread.start()
    eventually(lambda: other.ask("application:get_env(mill, drained)") == "{ok,true}")
    other.ask(_GO_ON)
    thread.join(10)
    answer()
    back = undrain(here)

    assert said[0].startswith(f"the drain expression came to ok; no connection to port {PORT} left after ")
    assert back == "the expression that ends the drain came to ok"
    assert kiosk.ask("application:get_env(mill, drained)") == "undefined"


def test_every_part_of_coming_back_is_tried_and_all_failures_are_told(kiosk: Kiosk) -> None:
    here = place(kiosk, undo_rpc="error(no)", undo_command="echo cannot; false", haproxy=haproxy("/none/there"))
    with pytest.raises(FleetError) as caught:
        undrain(here)

    first, *rest = caught.value.message.splitlines()
    assert first == "prod1 is not back in service:"
    assert "prod1: the expression that ends the drain failed: error: no" in rest
    assert "prod1: the command that ends the drain ended with status 1" in rest
    assert "stage1: /none/there is no socket here" in rest


def test_a_node_that_is_down_has_nothing_to_undo(kiosk: Kiosk) -> None:
    stop(kiosk.session, kiosk.host, kiosk.environment, "mill")
    said = undrain(place(kiosk, undo_rpc="mill:undrain()"))
    start(kiosk.session, kiosk.host, kiosk.environment, "mill")

    assert said == "the expression that ends the drain was left out: the node does not run"


def test_one_connection_elsewhere_is_kept_and_made_anew_when_it_was_lost(kiosk: Kiosk) -> None:
    opened: list[Session] = []

    def opener(host: Host) -> Session:
        opened.append(kiosk.open(host))
        return opened[-1]

    here = replace(place(kiosk, on="stage1", command="true", undo_command="true"), elsewhere=Elsewhere(opener))
    drain(here)
    undrain(here)
    opened[0].close()
    drain(here)

    assert [one.name for one in opened] == ["stage1", "stage1"]


def test_a_balancer_that_cannot_be_reached_is_an_error_and_touches_nothing(kiosk: Kiosk) -> None:
    with pytest.raises(DeliverError, match="nowhere"):
        drain(place(kiosk, on="nowhere.invalid", command="true"))
