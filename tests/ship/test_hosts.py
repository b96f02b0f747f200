"""Deploying a real application to three real hosts, by the command line that people type."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deliver.cli import select
from deliver.config import load
from deliver.errors import TargetError
from deliver.ship.flow import Deployment, Request
from deliver.store.store import Store
from tests.build.workshop import Workshop
from tests.hosts import Fleet
from tests.hosts.host import Host
from tests.ship.bench import Heard

pytestmark = [pytest.mark.hosts, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from deliver.cli.program import main; main()"]
PRODUCTION = ("prod1", "prod2", "prod3")


@dataclass(frozen=True)
class Desk:
    """An operator's working directory."""

    path: Path
    fleet: Fleet

    def begin(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *words],
            cwd=self.path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def deliver(self, *words: str) -> tuple[int, dict[str, Any], str]:
        """Run a command with --json; return its exit code, its document and its messages."""
        process = self.begin(*words, "--json")
        out, err = process.communicate(timeout=180)
        return process.returncode, json.loads(out) if out else {}, err

    def deploy(self, version: str, *words: str) -> tuple[int, dict[str, Any], str]:
        return self.deliver("deploy-release", "--version", version, "--to", "production", *words)

    def roots(self, *names: str) -> list[Path]:
        return [self.fleet[name].path("/srv/counter") for name in names or PRODUCTION]


@pytest.fixture
def desk(fleet: Fleet, workshop: Workshop, tmp_path: Path) -> Desk:
    write_config(tmp_path, fleet, workshop)
    return Desk(tmp_path, fleet)


def write_config(path: Path, fleet: Fleet, workshop: Workshop) -> None:
    (path / "deliver.toml").write_text(f"""
app = "{workshop.config.app}"
repository = "{workshop.repository.path}"
store = "{workshop.config.store}"
[ssh]
config = "{fleet.ssh_config}"
connect_timeout = 3
[environments.production]
hosts = ["prod1", "prod2", "prod3"]
path = "/srv"
start_timeout = 20
""")


def states(document: dict[str, Any]) -> dict[str, str]:
    return {row["host"]: row["state"] for row in document.get("result", document)["hosts"]}


def answer(address: str, question: str) -> str:
    with socket.create_connection((address, 4000), timeout=5) as line:
        line.sendall(f"{question}\n".encode())
        return line.makefile().readline().strip()


def wait_until(true: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until, f"never: {what}"
        time.sleep(0.005)


def untouched(*roots: Path) -> bool:
    return not any(root.exists() for root in roots)


def test_from_the_store_to_answering_nodes_and_on_to_the_next_version(desk: Desk) -> None:
    code, first, _ = desk.deploy("0.1.0", "--start")
    assert (code, set(states(first).values())) == (0, {"started"})
    assert [answer(desk.fleet[name].address, "version") for name in PRODUCTION] == ["0.1.0"] * 3
    code, second, _ = desk.deploy("0.2.0")
    assert (code, set(states(second).values())) == (0, {"installed"})
    assert [answer(desk.fleet[name].address, "version") for name in PRODUCTION] == ["0.1.0"] * 3
    for one, two in zip(first["hosts"], second["hosts"], strict=True):
        assert two["bytes"] < one["bytes"] / 100
    code, third, err = desk.deploy("latest", "--start")
    assert (code, set(states(third).values())) == (0, {"restarted"}), err
    assert min(row["seconds"] for row in third["hosts"]) > 0.5
    assert [answer(desk.fleet[name].address, "version") for name in PRODUCTION] == ["0.2.0"] * 3
    code, fourth, _ = desk.deploy("0.2.0", "--start")
    assert (code, set(states(fourth).values())) == (0, {"running"})
    written = desk.deploy("0.2.0", "--start", "--set", 'environments.production.files."etc/mine".text=mine')
    assert (written[0], set(states(written[1]).values())) == (0, {"running"})
    assert "invoke restart --on production --host prod1 --host prod2 --host prod3" in " ".join(written[2].split())
    assert consulted(desk.roots()[0] / "releases/RELEASES") == "0.1.0 old 0.2.0 permanent"
    cookies = {(root / "releases/COOKIE").read_text() for root in desk.roots()}
    assert len(cookies) == 1


def test_a_host_that_is_down_stops_all_before_the_first_byte(desk: Desk) -> None:
    desk.fleet["prod2"].down()
    code, _, err = desk.deploy("0.1.0")
    assert code == 69
    assert "prod2" in err
    assert "to go without it: --host prod1 --host prod3" in err
    assert untouched(*desk.roots())
    code, document, _ = desk.deploy("0.1.0", "--host", "prod1", "--host", "prod3")
    assert (code, states(document)) == (0, {"prod1": "installed", "prod3": "installed"})


def test_a_host_with_another_key_stops_all_before_the_first_byte(desk: Desk) -> None:
    desk.fleet["prod3"].replace_host_key()
    code, _, err = desk.deploy("0.1.0")
    assert code == 76
    assert "prod3" in err
    assert untouched(*desk.roots())


def test_a_disk_without_room_stops_all_before_the_first_byte(desk: Desk) -> None:
    with desk.fleet["prod2"].small_disk("6m"):
        code, _, err = desk.deploy("0.1.0")
    assert code == 1
    assert "prod2 has" in err
    assert "MB are needed" in err
    assert untouched(*desk.roots())


def test_a_disk_without_inodes_stops_all_before_the_first_byte(desk: Desk) -> None:
    with desk.fleet["prod2"].small_disk("100m", inodes=300):
        code, _, err = desk.deploy("0.1.0")
    assert code == 1
    assert "more files at /srv/counter" in err
    assert untouched(*desk.roots())


class Filling(Heard):
    """Fills a host's disk just before its installation begins."""

    def __init__(self, fleet: Fleet, name: str, leave: int) -> None:
        super().__init__()
        self._host = fleet[name]
        self._leave = leave

    def script(self, where: str, name: str, shown: str) -> None:
        super().script(where, name, shown)
        if (where, name) == (self._host.name, "install.sh"):
            self._host.fill(leave=self._leave)


@pytest.mark.parametrize("leave", [0, 20_000, 1_000_000, 5_000_000])
def test_a_disk_that_fills_up_meanwhile_leaves_the_host_as_it_was(desk: Desk, leave: int) -> None:
    config = load.load(desk.path / "deliver.toml")
    environment = config.environment("production")
    report = Filling(desk.fleet, "prod2", leave)
    request = Request("0.1.0", environment, select.hosts(environment, (), ()))
    deployment = Deployment(config, Store(config.store), report, request)
    with desk.fleet["prod2"].small_disk("60m"):
        with pytest.raises(TargetError, match="prod2: the disk is full") as caught:
            deployment.run()
        left = desk.fleet["prod2"].shell("cd /srv/counter 2>/dev/null && find . -type f | sort || :")
    assert "make room below /srv/counter" in caught.value.hint
    assert set(left.splitlines()) <= {"./.deliver/format", "./.deliver/journal"}
    assert {name: row.state for name, row in deployment.rows.items()} == {
        "prod1": "installed",
        "prod2": "failed",
        "prod3": "installed",
    }


@pytest.mark.parametrize("shell", ["/bin/dash", "/usr/bin/fish", "/bin/sh"])
def test_any_login_shell_will_do(desk: Desk, shell: str) -> None:
    for name in PRODUCTION:
        desk.fleet[name].set_shell("deploy", shell)
    code, document, err = desk.deploy("0.1.0", "--start", "--host", "prod1")
    assert (code, states(document)) == (0, {"prod1": "started"}), err
    assert answer(desk.fleet["prod1"].address, "version") == "0.1.0"


def test_a_directory_where_we_may_not_write_is_told_first(desk: Desk) -> None:
    desk.fleet["prod2"].shell("chown root:root /srv")
    code, _, err = desk.deploy("0.1.0")
    assert code == 1
    assert "prod2 deploy may not write in /srv: make /srv/counter" in err.replace("\n", " ")
    assert untouched(*desk.roots())


def incoming(root: Path) -> list[Path]:
    return list((root / ".deliver/incoming").glob("*/tree/lib"))


def is_at_work(host: Host) -> bool:
    return any(line.startswith(("sh -c", "tar ", "zstd ")) for line in host.processes())


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_deliver_may_be_ended_in_the_middle_of_an_upload(desk: Desk, how: signal.Signals) -> None:
    process = desk.begin("deploy-release", "--version", "0.1.0", "--to", "production")
    wait_until(lambda: any(incoming(root) for root in desk.roots()), "an upload begins")
    process.send_signal(how)
    _, err = process.communicate(timeout=30)
    assert process.returncode == (130 if how == signal.SIGINT else -how), err
    wait_until(lambda: not any(map(is_at_work, desk.fleet.hosts.values())), "the hosts notice")
    for root in desk.roots():
        complete = (root / ".deliver/versions/0.1.0/manifest").exists()
        assert complete == (root / "releases/0.1.0").exists()
    code, document, err = desk.deploy("0.1.0", "--start")
    assert (code, set(states(document).values())) == (0, {"started"}), err


def test_deliver_may_be_killed_in_the_middle_of_a_start(desk: Desk) -> None:
    desk.deploy("0.1.0")
    process = desk.begin("deploy-release", "--version", "0.1.0", "--to", "production", "--start")
    wait_until(lambda: any("beam" in line for line in desk.fleet["prod1"].processes()), "a node boots")
    process.kill()
    process.communicate(timeout=30)
    code, document, err = desk.deploy("0.1.0", "--start")
    assert code == 0, err
    assert set(states(document).values()) <= {"started", "running", "restarted"}
    assert [answer(desk.fleet[name].address, "version") for name in PRODUCTION] == ["0.1.0"] * 3


def test_a_start_stops_at_the_first_failure_and_says_how_to_go_on(desk: Desk) -> None:
    desk.deploy("0.1.0", "--start")
    broken = desk.roots("prod2")[0] / "releases/0.2.0/sys.config"
    desk.deploy("0.2.0")
    good = broken.read_text()
    broken.write_text("this is no configuration")
    code, document, err = desk.deploy("0.2.0", "--start")
    assert code == 3, err
    assert states(document) == {"prod1": "restarted", "prod2": "failed", "prod3": "not started"}
    assert answer(desk.fleet["prod3"].address, "version") == "0.1.0"
    mend, back = (line.partition("invoke ")[2] for line in err.splitlines() if "invoke " in line)
    assert mend == "deploy-release --version 0.2.0 --to production --start --host prod2 --host prod3"
    assert back == "deploy-release --version 0.1.0 --to production --start --host prod1 --host prod2"
    code, document, err = desk.deliver(*shlex.split(back))
    assert (code, states(document)) == (0, {"prod1": "restarted", "prod2": "started"}), err
    broken.write_text(good)
    code, document, err = desk.deploy("0.2.0", "--start")
    assert code == 0, err
    assert [answer(desk.fleet[name].address, "version") for name in PRODUCTION] == ["0.2.0"] * 3


def test_an_erlang_release_with_its_own_start_script_is_deployed_and_restarted(
    fleet: Fleet, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    workshop = Workshop.make(tmp_path_factory.mktemp("workshop"), "bell")
    for tag in ("v0.1.0", "v0.2.0"):
        workshop.build(tag=tag)
    write_config(tmp_path, fleet, workshop)
    desk = Desk(tmp_path, fleet)
    for version, expected in (("0.1.0", "started"), ("0.2.0", "restarted")):
        code, document, err = desk.deploy(version, "--start", "--host", "prod1")
        assert (code, states(document)) == (0, {"prod1": expected}), err
    known = consulted(fleet["prod1"].path("/srv/bell/releases/RELEASES"))
    assert known == "0.1.0 old 0.2.0 permanent"


def consulted(file: Path) -> str:
    """Return the versions and their statuses, as Erlang reads them."""
    text = (
        '{ok, [Releases]} = file:consult(os:getenv("FILE")),'
        '[io:format("~s ~s ", [V, S]) || {release, _, V, _, _, S} <- Releases], halt().'
    )
    command = ["erl", "-noshell", "-boot", "start_clean", "-eval", text]
    done = subprocess.run(command, env={**os.environ, "FILE": str(file)}, capture_output=True, text=True, check=True)
    return done.stdout.strip()
