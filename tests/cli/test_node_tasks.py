"""The tasks about nodes, as an operator types them: on three hosts, over SSH."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import ROOT
from tests.hosts import Fleet
from tests.node.releases import build_mix
from tests.terminal import in_terminal

pytestmark = [pytest.mark.hosts, pytest.mark.slow]

HOSTS = ("prod1", "prod2", "prod3")
MAIN = "import sys; sys.argv[0] = 'deliver'; from deliver.cli.program import main; main()"
Deliver = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def mix_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_mix(tmp_path_factory.mktemp("mix") / "counter")


@pytest.fixture(scope="module")
def own_fleet() -> Iterator[Fleet]:
    with Fleet(HOSTS, name="nodes") as fleet:
        yield fleet


@pytest.fixture
def fleet(own_fleet: Fleet, mix_release: Path) -> Iterator[Fleet]:
    """Three hosts with the release installed; nothing runs."""
    for name in HOSTS:
        place = own_fleet[name].path("/srv/my apps/counter")
        shutil.copytree(mix_release, place, symlinks=True)
        (place / "releases" / "COOKIE").write_text("a_cookie_for_tests")
        own_fleet[name].shell("chown -R deploy: '/srv/my apps'")
    yield own_fleet
    own_fleet.mend()


@pytest.fixture
def project(tmp_path: Path, fleet: Fleet) -> Path:
    (tmp_path / "deliver.toml").write_text(
        f"""
app = "counter"

[ssh]
config = "{fleet.ssh_config}"
connect_timeout = "5s"

[environments.production]
path = "/srv/my apps"
start_timeout = "30s"

[environments.production.hosts.prod1]
roles = ["first"]

[environments.production.hosts.prod2]

[environments.production.hosts.prod3]
""",
        "utf-8",
    )
    return tmp_path


@pytest.fixture
def environ() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "LANG"}}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}


@pytest.fixture
def deliver(project: Path, environ: dict[str, str]) -> Deliver:
    def run(task: str, *words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-c", MAIN, task, *words, "--on", "production"]
        return subprocess.run(argv, cwd=project, env=environ, capture_output=True, text=True, check=False)

    return run


def document(done: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(done.stdout)


def states(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    found = document(done)
    return {one["host"]: one["state"] for one in (found["result"] if "error" in found else found)}


def test_the_life_of_three_nodes(deliver: Deliver) -> None:
    assert deliver("ping").returncode == 1

    started = deliver("start")
    assert started.returncode == 0, started.stderr
    assert started.stdout.count("runs 0.1.0") == 3

    assert deliver("ping").returncode == 0
    table = deliver("status").stdout.splitlines()
    assert table[0].split() == ["host", "state", "version", "uptime", "memory", "processes", "pid", "node"]
    assert [line.split()[:3] for line in table[1:]] == [[name, "up", "0.1.0"] for name in HOSTS]
    assert all(one["running"] == "0.1.0" for one in document(deliver("version", "--json")))

    before = {one["host"]: one["process"]["pid"] for one in document(deliver("status", "--json"))}
    assert deliver("restart").returncode == 0
    after = {one["host"]: one["process"]["pid"] for one in document(deliver("status", "--json"))}
    assert all(before[name] != after[name] for name in HOSTS)

    assert deliver("stop", "--host", "prod2").returncode == 0
    assert states(deliver("status", "--json")) == {"prod1": "up", "prod2": "down", "prod3": "up"}
    assert deliver("ping", "--role", "first").returncode == 0
    assert deliver("stop").returncode == 0
    assert set(states(deliver("status", "--json")).values()) == {"down"}


def test_nobody_starts_or_stops_a_node_of_a_locked_environment(deliver: Deliver) -> None:
    assert deliver("lock", "--message", "the fair").returncode == 0  # on prod1

    for task in ("start", "stop", "restart"):
        refused = deliver(task, "--host", "prod2")
        assert refused.returncode == 75, refused.stderr
        assert "the fair" in refused.stderr
    assert states(deliver("status", "--json", "--host", "prod2")) == {"prod2": "down"}

    assert deliver("unlock").returncode == 0
    assert deliver("start", "--host", "prod2").returncode == 0
    assert deliver("stop", "--host", "prod2").returncode == 0


def test_a_host_that_is_down_is_in_the_table_and_in_the_exit_code(deliver: Deliver, fleet: Fleet) -> None:
    fleet["prod2"].down()

    started = deliver("start", "--json")
    assert started.returncode == 69
    assert states(started) == {"prod1": "runs 0.1.0", "prod2": "unreachable", "prod3": "runs 0.1.0"}

    asked = deliver("status", "--json")
    assert asked.returncode == 69
    assert states(asked) == {"prod1": "up", "prod2": "unreachable", "prod3": "up"}
    assert deliver("ping").returncode == 69
    assert deliver("ping", "--host", "prod1").returncode == 0


def test_a_host_with_another_key_is_in_the_table_and_never_asked(deliver: Deliver, fleet: Fleet) -> None:
    fleet["prod3"].replace_host_key()

    asked = deliver("status", "--json")

    assert asked.returncode == 76
    assert states(asked) == {"prod1": "down", "prod2": "down", "prod3": "unknown host key"}


def test_restarting_stops_at_the_first_failure_and_says_how_to_go_on(deliver: Deliver, fleet: Fleet) -> None:
    assert deliver("start").returncode == 0
    fleet["prod2"].path("/srv/my apps/counter/releases/0.1.0/sys.config").write_text("no term")
    third = document(deliver("status", "--json", "--host", "prod3"))[0]["process"]["pid"]

    done = deliver("restart", "--json")

    assert done.returncode == 3
    assert states(done) == {"prod1": "runs 0.1.0", "prod2": "failed", "prod3": "not touched"}
    assert "restart --on production --host prod2 --host prod3" in document(done)["error"]["hint"]
    assert "prod2: the node crashed" in document(done)["error"]["message"]
    assert document(deliver("status", "--json", "--host", "prod3"))[0]["process"]["pid"] == third


def test_a_refused_stop_of_the_first_host_changes_nothing(deliver: Deliver, fleet: Fleet) -> None:
    assert deliver("start").returncode == 0
    pid = fleet["prod1"].shell("pidof beam.smp")
    fleet["prod1"].shell(f"kill -STOP {pid}")

    done = deliver("restart", "--json")

    assert done.returncode == 1
    assert states(done) == {"prod1": "failed", "prod2": "not touched", "prod3": "not touched"}
    assert "--kill" in document(done)["error"]["hint"]
    assert deliver("restart", "--kill").returncode == 0


def test_code_is_evaluated_everywhere(deliver: Deliver) -> None:
    assert deliver("start").returncode == 0

    done = deliver("rpc", 'IO.puts("from " <> Atom.to_string(node())); 6 * 7')
    assert done.returncode == 0
    assert done.stdout == "".join(f"{name}:\n  from counter@{name}\n  42\n" for name in HOSTS)

    one = deliver("rpc", "--expr", "lists:seq(1, 3).", "--erlang", "--host", "prod1")
    assert one.stdout == "[1,2,3]\n"

    wrong = deliver("rpc", 'raise "boo"', "--json")
    assert wrong.returncode == 1
    assert document(wrong)["error"]["message"].count("boo") == 3
    assert [one["failed"] for one in document(wrong)["result"]] == [True, True, True]

    late = deliver("rpc", "Process.sleep(9000)", "--deadline", "1", "--host", "prod1")
    assert late.returncode == 1
    assert "within 1 s" in late.stderr


def test_a_connection_that_is_cut_while_a_node_starts_is_made_good_by_the_same_command(
    deliver: Deliver, fleet: Fleet, project: Path, environ: dict[str, str]
) -> None:
    slow = fleet["prod1"].path("/srv/my apps/counter/releases/0.1.0/runtime.exs")
    slow.write_text(f"Process.sleep(3_000)\n{slow.read_text()}")
    argv = [sys.executable, "-c", MAIN, "start", "--on", "production"]

    with subprocess.Popen(argv, cwd=project, env=environ, stderr=subprocess.PIPE) as running:
        time.sleep(2.5)
        running.send_signal(signal.SIGKILL)

    again = deliver("start")
    assert again.returncode == 0, again.stderr
    assert set(states(deliver("status", "--json")).values()) == {"up"}


def test_ctrl_c_ends_a_start_with_its_own_code(fleet: Fleet, project: Path, environ: dict[str, str]) -> None:
    slow = fleet["prod1"].path("/srv/my apps/counter/releases/0.1.0/runtime.exs")
    slow.write_text(f"Process.sleep(20_000)\n{slow.read_text()}")
    argv = [sys.executable, "-c", MAIN, "start", "--on", "production"]

    with subprocess.Popen(argv, cwd=project, env=environ, stderr=subprocess.PIPE) as running:
        time.sleep(2.5)
        running.send_signal(signal.SIGINT)
        assert running.wait(10) == 130


def test_logs_name_their_host_and_are_followed_until_ctrl_c(
    deliver: Deliver, project: Path, environ: dict[str, str]
) -> None:
    assert deliver("start").returncode == 0
    shown = deliver("logs", "--lines", "3")
    assert shown.returncode == 0
    assert {line.split()[0] for line in shown.stdout.splitlines()} == set(HOSTS)

    argv = [sys.executable, "-c", MAIN, "logs", "-f", "--lines", "1", "--on", "production"]
    with subprocess.Popen(argv, cwd=project, env=environ, stdout=subprocess.PIPE) as following:
        assert following.stdout is not None
        time.sleep(2.0)
        deliver("rpc", ':io.format(:user, "a word from ~s~n", [node()])')
        heard = b""
        while heard.count(b"a word from") < 3:
            ready, _, _ = select.select([following.stdout], [], [], 10)
            assert ready, heard
            heard += os.read(following.stdout.fileno(), 4096)
        following.send_signal(signal.SIGINT)
        assert following.wait(10) == 0
    assert b"prod2  a word from counter@prod2" in heard.replace(b"\r", b"")


def test_logs_are_a_document_too_and_end_with_their_reader(
    deliver: Deliver, project: Path, environ: dict[str, str]
) -> None:
    assert deliver("start").returncode == 0
    assert {one["host"] for one in json.loads(deliver("logs", "--json").stdout) if one["lines"]} == set(HOSTS)
    assert deliver("logs", "--json", "-f").returncode == 64

    argv = [sys.executable, "-c", MAIN, "logs", "-f", "--lines", "1", "--on", "production"]
    with subprocess.Popen(argv, cwd=project, env=environ, stdout=subprocess.PIPE) as following:
        assert following.stdout is not None
        following.stdout.read(1)
        following.stdout.close()
        deliver("rpc", ':io.format(:user, "a word~n", [])')
        assert following.wait(10) == 0


def test_ctrl_c_leaves_no_question_on_the_hosts(
    deliver: Deliver, project: Path, environ: dict[str, str], fleet: Fleet
) -> None:
    assert deliver("start").returncode == 0
    argv = [sys.executable, "-c", MAIN, "rpc", ":timer.sleep(60_000)", "--on", "production"]
    with subprocess.Popen(argv, cwd=project, env=environ, stderr=subprocess.PIPE) as asking:
        time.sleep(2.5)
        asking.send_signal(signal.SIGINT)
        assert asking.wait(10) == 130
    time.sleep(1.0)
    left = [line for name in HOSTS for line in fleet[name].processes() if "erl_call" in line or "timeout" in line]
    assert left == []


def test_a_console_has_the_operator_s_terminal(deliver: Deliver, project: Path, environ: dict[str, str]) -> None:
    assert deliver("start", "--host", "prod1").returncode == 0
    words = [sys.executable, "-c", MAIN, "remote", "--on", "production", "--host", "prod1"]
    process, side = in_terminal(words, {**environ, "TERM": "xterm"}, project)

    heard = hear(side, b"iex(")
    os.write(side, b"node() |> Atom.to_string() |> String.upcase()\r")
    heard += hear(side, b"COUNTER@PROD1")
    os.write(side, b"\x03")
    hear(side, b"(a)bort")
    os.write(side, b"a\r")

    process.wait(20)
    assert deliver("ping", "--host", "prod1").returncode == 0


def hear(side: int, word: bytes) -> bytes:
    heard = b""
    while word not in heard:
        ready, _, _ = select.select([side], [], [], 20)
        assert ready, heard
        heard += os.read(side, 4096)
    return heard


def test_whoever_only_asks_needs_no_secret(deliver: Deliver, project: Path, fleet: Fleet) -> None:
    with (project / "deliver.toml").open("a") as file:
        file.write('[environments.production.env]\nTOKEN = { env = "NOBODY_HAS_THIS" }\n')

    for task in ("status", "version"):
        assert deliver(task).returncode == 0
    (fleet["prod1"].path("/srv/my apps/counter/tmp/log")).mkdir(parents=True)
    (fleet["prod1"].path("/srv/my apps/counter/tmp/log/erlang.log.1")).write_text("logged\n")
    fleet["prod1"].shell("chown -R deploy: '/srv/my apps'")
    assert deliver("logs", "--host", "prod1").stdout == "logged\n"
    assert deliver("start").returncode == 78


def test_a_console_is_for_one_host(deliver: Deliver) -> None:
    done = deliver("remote")

    assert done.returncode == 64
    assert "prod1, prod2, prod3" in done.stderr


def test_no_cookie_is_in_what_the_operator_keeps(deliver: Deliver, project: Path) -> None:
    for task in ("start", "status", "version", "stop"):
        assert "a_cookie_for_tests" not in deliver(task, "--verbose").stderr

    logs = list((project / ".deliver" / "logs").iterdir())
    assert logs
    assert not [log for log in logs if "a_cookie_for_tests" in log.read_text()]
