from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from deliver.config.schema import Host, Service
from deliver.errors import ConfigError, LockedError, NodeError
from deliver.secret import Secret
from tests.node.releases import COOKIE, Installed, ask, command_lines, eventually, variables


def is_running(pid: int) -> bool:
    """Whether a process is there and not dead but for its parent's interest."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def actions(release: Installed) -> list[tuple[str, str, str]]:
    lines = [json.loads(line) for line in release.journal().splitlines()]
    return [(line["action"], line["version"], line["outcome"]) for line in lines]


def test_a_host_with_nothing_to_start_is_told_what_to_do(tmp_path: Path, node: str) -> None:
    nothing = Installed("demo", tmp_path, Host("here", address="local", path=str(tmp_path), node=node))

    with pytest.raises(NodeError, match="no version is set to start") as told:
        nothing.start()

    assert "deploy" in told.value.hint
    assert nothing.stop().how == "down"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_node_is_started_and_stopped_and_the_host_remembers(release: Installed) -> None:
    started = release.start()

    assert not started.already
    assert started.version == "0.1.0"
    found = release.facts()
    assert found.node is not None
    assert release.app in found.node.applications

    again = release.start()
    assert again.already
    assert again.pid == started.pid

    stopped = release.stop()
    assert (stopped.how, stopped.pid) == ("stopped", started.pid)
    assert not is_running(started.pid)
    assert release.stop().how == "down"
    assert actions(release) == [("start", "0.1.0", "ok"), ("stop", "0.1.0", "ok")]
    assert not (release.root / ".deliver" / "lock").exists()


@pytest.mark.slow
def test_the_environment_reaches_the_node_whatever_it_holds(release: Installed) -> None:
    strange = 'it\'s $HOME "quoted" `id` \\ and\ntwo lines\t√'
    release.give(STRANGE=strange, EMPTY="", SECRET=Secret("a very secret word"))

    started = release.start()

    found = variables(started.pid)
    assert found["STRANGE"] == strange
    assert found["EMPTY"] == ""
    assert found["SECRET"] == "a very secret word"  # noqa: S105  # it is the expectation
    assert found.get("LC_ALL") is None
    assert "a very secret word" not in "".join(release.heard.everything)


def test_a_name_that_cannot_be_a_variable_is_refused(tmp_path: Path, node: str) -> None:
    host = Host("here", address="local", path=str(tmp_path), node=node, env={"A;id": "x"})

    with pytest.raises(ConfigError, match="A;id"):
        Installed("demo", tmp_path, host).start()


@pytest.mark.slow
def test_a_long_name_is_given_as_one(mix: Installed) -> None:
    mix.host = replace(mix.host, node=f"{mix.host.node}@127.0.0.1")

    mix.start()

    found = mix.facts()
    assert found.process is not None
    assert found.node is not None
    assert found.process.name_type == "name"
    assert found.node.name == mix.host.node


@pytest.mark.slow
def test_a_name_that_vm_args_forbids_is_refused(relx: Installed) -> None:
    version = relx.root / "releases" / "0.1.0"
    (version / "vm.args.src").rename(version / "vm.args")
    (version / "vm.args").write_text("-sname another\n-setcookie abc\n")

    with pytest.raises(NodeError, match="fixes the node's name to another") as told:
        relx.start()

    assert "vm.args.src" in told.value.hint
    assert relx.facts().process is None


@pytest.mark.slow
def test_a_crash_at_boot_is_noticed_at_once_with_what_the_node_said(mix: Installed) -> None:
    mix.give(PORT="no number")
    began = time.monotonic()

    with pytest.raises(NodeError, match="crashed") as told:
        mix.start()

    assert time.monotonic() - began < 10
    assert "no number" in told.value.message
    assert "logs --on production --host here" in told.value.hint
    assert actions(mix) == [("start", "0.1.0", "failed")]
    assert mix.facts().process is None


@pytest.mark.slow
def test_an_application_that_cannot_start_is_a_crash(relx: Installed, port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", port))  # noqa: S104  # where the application listens
        taken.listen()

        with pytest.raises(NodeError, match="crashed") as told:
            relx.start()

    assert "eaddrinuse" in told.value.message


@pytest.mark.slow
def test_a_start_command_that_fails_is_quoted(mix: Installed) -> None:
    (mix.root / "bin" / "counter").write_text("#!/bin/sh\necho 'no such thing as daemon' >&2\nexit 3\n")

    with pytest.raises(NodeError, match="no such thing as daemon"):
        mix.start()


@pytest.mark.slow
def test_a_version_whose_directory_is_gone_is_refused(mix: Installed) -> None:
    shutil.move(mix.root / "releases" / "0.1.0", mix.root / "releases" / "gone")

    with pytest.raises(NodeError, match=r"version 0\.1\.0 is to start, but"):
        mix.start()


@pytest.mark.slow
def test_our_own_version_does_not_boot_without_releases_file(mix: Installed) -> None:
    (mix.root / ".deliver" / "versions" / "0.1.0").mkdir(parents=True)

    with pytest.raises(NodeError, match="RELEASES is missing"):
        mix.start()


@pytest.mark.slow
def test_a_node_that_takes_too_long_is_an_error_that_names_its_process(mix: Installed) -> None:
    slow_boot(mix)
    mix.start_timeout = 8.0

    with pytest.raises(NodeError, match="did not get ready within 8 s: starting") as told:
        mix.start()

    found = mix.facts()
    assert found.process is not None
    assert str(found.process.pid) in told.value.message
    assert found.node is not None
    assert not found.node.booted


def slow_boot(release: Installed) -> None:
    """Make the configuration take its time."""
    config = release.root / "releases" / "0.1.0" / "runtime.exs"
    config.write_text(f"Process.sleep(60_000)\n{config.read_text()}")


@pytest.mark.slow
def test_a_suspended_node_is_neither_started_nor_stopped_but_killed_when_that_is_wanted(mix: Installed) -> None:
    started = mix.start()
    os.kill(started.pid, signal.SIGSTOP)
    mix.start_timeout = 2.0

    with pytest.raises(NodeError, match=f"process {started.pid} is there.*kill -CONT {started.pid}"):
        mix.start()
    with pytest.raises(NodeError, match=f"process {started.pid}, could not be stopped.*suspended") as told:
        mix.stop()

    assert told.value.hint == "to end it without asking: stop --on production --host here --kill"
    assert is_running(started.pid)
    assert mix.stop(kill=True).how == "killed"
    eventually(lambda: not is_running(started.pid))
    assert actions(mix)[-1] == ("stop", "0.1.0", "killed")


@pytest.mark.slow
def test_a_node_that_does_not_end_in_time_is_an_error(mix: Installed) -> None:
    started = mix.start()
    mix.stop_timeout = 2.0
    block(mix)

    with pytest.raises(NodeError, match=f"process {started.pid} did not end within 2 s"):
        mix.stop()

    assert mix.stop(kill=True).how == "killed"


def block(release: Installed) -> None:
    """Make the end of the application last."""
    child = "#{id => dam, start => {erlang, apply, [fun() -> {ok, spawn_link(fun() -> process_flag(trap_exit, true), "
    child += "receive never -> ok end end)} end, []]}, shutdown => infinity}"
    release.session.run(ask(release, f"supervisor:start_child('Elixir.Counter.Supervisor', {child})."))


@pytest.mark.slow
def test_heart_starts_a_node_that_died_and_leaves_one_alone_that_was_stopped(release: Installed) -> None:
    release.service = Service(heart=True)
    started = release.start()

    os.kill(started.pid, signal.SIGKILL)
    eventually(lambda: is_up_again(release, started.pid), seconds=20)
    second = release.start()

    assert second.already
    assert second.pid != started.pid
    assert release.stop().how == "stopped"
    time.sleep(3)
    assert release.facts().process is None
    assert release.processes() == []


def is_up_again(release: Installed, before: int) -> bool:
    process = release.facts().process
    return process is not None and process.pid != before


@pytest.mark.slow
def test_only_the_node_itself_is_under_heart(release: Installed) -> None:
    release.service = Service(heart=True)

    started = release.start()

    found = variables(started.pid)
    assert not any("-heart" in value for name, value in found.items() if name != "HEART_COMMAND")
    assert not found.get("RELEASE_VM_ARGS")


@pytest.mark.slow
def test_killing_a_node_under_heart_keeps_it_down(mix: Installed) -> None:
    mix.service = Service(heart=True)
    started = mix.start()
    os.kill(started.pid, signal.SIGSTOP)

    assert mix.stop(kill=True).how == "killed"

    time.sleep(3)
    assert mix.facts().process is None


@pytest.mark.slow
def test_commands_of_ones_own_start_and_stop_the_node(mix: Installed) -> None:
    start = f"'{mix.root}/bin/counter' daemon && echo started >> ran"
    mix.service = Service(kind="command", start=start, stop="bin/counter stop && echo stopped >> ran")

    started = mix.start()
    assert mix.stop().how == "stopped"

    assert not is_running(started.pid)
    assert (mix.root / "ran").read_text() == "started\nstopped\n"


@pytest.mark.slow
def test_a_foreground_command_outlives_the_script_that_ran_it(mix: Installed) -> None:
    mix.service = Service(kind="command", start="setsid bin/counter start >out.log 2>&1 &")

    started = mix.start()

    time.sleep(0.5)
    assert is_running(started.pid)
    assert mix.stop().how == "stopped"


@pytest.mark.slow
def test_a_stop_command_that_fails_is_quoted(mix: Installed) -> None:
    mix.service = Service(kind="command", start="bin/counter daemon", stop="echo not today >&2; exit 1")
    mix.start()

    with pytest.raises(NodeError, match="its stop command failed: not today"):
        mix.stop()


@pytest.mark.slow
def test_while_somebody_works_on_the_host_nothing_is_started(mix: Installed) -> None:
    lock = mix.root / ".deliver" / "lock"
    (lock / "owner.1.x.y.another machine").mkdir(parents=True)
    holder = {"who": "ann", "host": "laptop", "pid": 7, "action": "install", "version": "0.2.0", "since": "today"}
    (lock / "holder").write_text(json.dumps(holder))

    with pytest.raises(LockedError, match="ann@laptop"):
        mix.start()

    assert mix.facts().process is None


@pytest.mark.slow
def test_the_cookie_is_in_no_command_line_of_ours_and_in_no_log(release: Installed) -> None:
    release.start()
    own = {pid for pid, words in command_lines() if COOKIE.encode() in words}

    with watched() as seen:
        for _ in range(5):
            assert release.facts().node is not None
        release.start()
        release.stop()

    assert seen
    assert {pid for pid in seen if pid not in own} == set()
    assert COOKIE not in "".join(release.heard.everything)


@contextmanager
def watched() -> Iterator[set[int]]:
    """Collect the processes whose command line has the cookie, as fast as one can look."""
    seen: set[int] = set()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            seen.update(pid for pid, words in command_lines() if COOKIE.encode() in words)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


@pytest.mark.slow
def test_nothing_private_is_left_on_the_host(mix: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private = tmp_path / "private places"
    private.mkdir()
    monkeypatch.setenv("TMPDIR", str(private))

    mix.start()
    mix.facts()
    mix.stop()

    assert list(private.iterdir()) == []


@pytest.mark.slow
def test_without_erl_call_the_release_is_asked_through_its_own_script(
    release: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_erl_call(release, tmp_path / "tools", monkeypatch)

    started = release.start()

    found = release.facts()
    assert found.node is not None
    assert found.node.current == "0.1.0"
    assert release.stop().pid == started.pid


def without_erl_call(release: Installed, tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools.mkdir()
    for directory in os.environ["PATH"].split(":"):
        for tool in Path(directory).glob("*"):
            if tool.name != "erl_call" and not (tools / tool.name).is_symlink():
                (tools / tool.name).symlink_to(tool)
    monkeypatch.setenv("PATH", str(tools))
    for found in release.root.glob("erts-*/bin/erl_call"):
        found.unlink()
