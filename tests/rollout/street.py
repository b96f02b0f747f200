"""Five hosts that run a kiosk behind one HAProxy, which runs on a host of its own or beside one of them.

A kiosk answers HTTP, as in `tests.rollout.kiosk`, and lines, as the application `hotline`: each connection has a
process that counts them, and whose state has another shape in 0.2.0. The balancer is set up as the documentation says.
"""

from __future__ import annotations

import csv
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.hosts import Fleet
from tests.hosts.host import Host
from tests.rollout.kiosk import COOKIE, DOOR, PORT
from tests.rollout.load import Load
from tests.upgrade.callers import Callers
from tests.upgrade.desk import Desk, wait_until
from tests.upgrade.mill import MODULES, Version
from tests.upgrade.works import Works

HOTLINE = Path(__file__).parents[1] / "apps/hotline"
DOCUMENT = Path(__file__).parents[2] / "docs/how-to/roll-out.md"
#: Where the balancer takes requests and lines, and where the kiosks take lines.
WEB, LINES, KIOSK_LINES = 8080, 8300, PORT + 100
SOCKET = "/srv/haproxy/admin.sock"

_SUP = MODULES["mill_sup"].replace(
    "[mill, mill_door]]",
    "[mill, mill_door]] ++ [#{id => lines, start => {hotline_sup, start_link, []}, type => supervisor}]",
)
_HEALTH = "application:get_env(mill, health, well)"


def versions() -> tuple[Version, ...]:
    """Return the kiosk in its versions: two good ones, one that crashes as it boots, one that boots and is not well."""
    crashes = MODULES["mill_app"].replace("mill_sup:start_link()", "error(no_way)")
    # It would not only say that it is ill: whoever is sent there gets nothing good.
    ill = DOOR.replace(_HEALTH, "ill").replace('"200 OK", Version', '"500 Internal Server Error", Version')
    return (
        _version("0.1.0"),
        _version("0.2.0", hotline_call=(HOTLINE / "0.2.0/src/hotline_call.erl").read_text()),
        _version("2.1.0", mill_app=crashes),
        _version("2.2.0", mill_door=ill),
    )


def _version(number: str, **modules: str) -> Version:
    lines = {path.stem: path.read_text() for path in (HOTLINE / "base/src").glob("*.erl") if path.stem != "hotline_app"}
    port = '{ok, list_to_integer(os:getenv("PORT", "4200")) + 100}'
    lines["hotline_listener"] = lines["hotline_listener"].replace("application:get_env(hotline, port)", port)
    return Version(number, {"mill_door": DOOR, "mill_sup": _SUP, **lines, **modules}, vm_args=COOKIE)


@dataclass(frozen=True)
class Street:
    """The hosts, their balancer, and the operator's desk.

    Args:
        desk: knows the hosts that run the kiosk.
        host: where the balancer runs.
    """

    desk: Desk
    host: Host

    @classmethod
    def make(cls, directory: Path, fleet: Fleet, works: Works, hosts: tuple[str, ...], balancer: str) -> Street:
        """Start the balancer; there is nothing behind it yet."""
        street = cls(Desk(directory, fleet, "mill", PORT, works.store, hosts), fleet[balancer])
        street.desk.write_config(_operator(balancer))
        street.host.path("/srv/haproxy").mkdir()
        street.host.path("/srv/haproxy/haproxy.cfg").write_text(_haproxy(hosts))
        street.host.shell("chown -R deploy /srv/haproxy")
        street.host.run(["/usr/sbin/haproxy", "-D", "-f", "/srv/haproxy/haproxy.cfg"], user="deploy")
        return street

    def close(self) -> None:
        """End the balancer."""
        self.host.shell("kill -KILL $(pidof haproxy)")

    def load(self) -> Load:
        """Return clients of the balancer."""
        return Load(self.host.address, WEB)

    def callers(self, number: int) -> Callers:
        """Open connections through the balancer, spread over all hosts."""
        return Callers(self.host.address, LINES, number)

    def serve(self, version: str) -> None:
        """Have every host run a version, whatever it runs now, and the balancer see that."""
        done = self.desk.release(version, "--strategy", "cold", "--unhealthy")
        assert done.code == 0, done.told
        self.settle()

    def settle(self) -> None:
        """Return when the balancer sees every host up."""
        wait_until(lambda: set(self.servers().values()) == {"UP"}, "all servers are up")

    def servers(self) -> dict[str, str]:
        """Return what the balancer calls each server of the web, asked without us."""
        return {row["svname"]: row["status"] for row in self._rows() if row["pxname"] == "web" and row["type"] == "2"}

    def _rows(self) -> Iterable[dict[str, str]]:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(self.host.path(SOCKET)))
            line.sendall(b"show stat\n")
            with line.makefile() as said:
                yield from csv.DictReader(said.read().removeprefix("# ").splitlines())


def _operator(balancer: str) -> str:
    return f"""
[environments.production.rolling]
batches = [1, 2]
min_healthy = "300ms"
healthy_deadline = "1m"
[environments.production.health]
http = "http://127.0.0.1:{PORT}/health"
interval = "100ms"
timeout = "5s"
[environments.production.drain]
deadline = "20s"
[environments.production.drain.haproxy]
socket = "{SOCKET}"
on = "{balancer}"
backend = "web"
"""


def _haproxy(hosts: Iterable[str]) -> str:
    # What the documentation leaves out is what everybody has.
    lines = "".join(f"  server {one} {one}:{KIOSK_LINES}\n" for one in hosts)
    return f"""
defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
frontend web
  bind :{WEB}
  default_backend web
listen lines
  mode tcp
  timeout client 1h
  timeout server 1h
  bind :{LINES}
{lines}
{_documented(hosts)}"""


def _documented(hosts: Iterable[str]) -> str:
    """Return the example of the documentation, with these hosts as its servers."""
    block = re.search(r"^    global\n(?:(?:    .*)?\n)*", DOCUMENT.read_text(), re.MULTILINE)
    assert block, f"{DOCUMENT} has no example"
    text = block.group().replace("/run/haproxy/admin.sock", SOCKET)
    servers = [line for line in text.splitlines(keepends=True) if line.strip().startswith("server ")]
    new = "".join(servers[0].replace("web1.internal:4000", f"{one}:{PORT}").replace("web1", one) for one in hosts)
    return text.replace("".join(servers), new)
