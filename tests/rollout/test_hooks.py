"""The operator's command lines: how they run anywhere, and what a roll makes of them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deliver.config.schema import Environment, Hook, Host, Occasion, Ssh
from deliver.errors import DeadlineError, RemoteError
from deliver.remote.connect import connect
from deliver.remote.local import LocalSession
from deliver.remote.session import Session
from deliver.rollout.hooks import Setting, run_hook
from deliver.rollout.lines import run_line
from tests.hosts import Fleet
from tests.node.releases import Heard

TWO = (Host("prod1"), Host("prod2"))
TELLS = (
    'echo "$DELIVER_OCCASION: $DELIVER_APP $DELIVER_VERSION to $DELIVER_ENVIRONMENT, $DELIVER_HOST of $DELIVER_HOSTS"'
)


class Log(Heard):
    """A report that also keeps warnings."""

    def __init__(self) -> None:
        super().__init__()
        self.warnings: list[str] = []

    def warn(self, what: str) -> None:
        self.warnings.append(what)


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture(params=["dash", "busybox", pytest.param("prod1", marks=pytest.mark.hosts)])
def session(
    request: pytest.FixtureRequest, log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Session]:
    """A session to this machine, to one that has only busybox, and to a host."""
    if request.param == "busybox":
        subprocess.run(["busybox", "--install", "-s", tmp_path], check=True)
        monkeypatch.setenv("PATH", str(tmp_path))
    if request.param != "prod1":
        yield LocalSession("here", log)
        return
    fleet: Fleet = request.getfixturevalue("session_fleet")
    with connect(Host("prod1"), Ssh(config=fleet.ssh_config), log) as opened:
        yield opened


def run(session: Session, line: str, timeout: float = 10.0, **variables: str) -> None:
    run_line(session, "the hook", line, variables, timeout=timeout)


def said(log: Log) -> str:
    """Return what commands wrote."""
    lines = [line.partition(": ")[2] for line in log.everything if "command.sh: " not in line]
    return "".join(lines)


def test_what_a_command_writes_is_kept_in_its_order(session: Session, log: Log) -> None:
    run(session, 'echo one; echo "$A"; echo three >&2; cat', A="$HOME 'größer'\n√")

    assert said(log) == "one\n$HOME 'größer'\n√\nthree\n"


def test_a_failure_has_its_status_and_its_last_lines(session: Session) -> None:
    with pytest.raises(RemoteError) as caught:
        run(session, "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo $i; done; exit 7")

    first, *lines = caught.value.message.splitlines()
    assert first == f"{session.name}: the hook ended with status 7"
    assert lines == [f"  | {number}" for number in range(3, 13)]


def test_a_command_that_is_too_slow_is_ended_with_its_children(session: Session, log: Log) -> None:
    began = time.monotonic()
    with pytest.raises(DeadlineError, match=r"the hook did not end within 1 s\n  \| begun"):
        run(session, "echo begun; sh -c 'sleep 54321'", timeout=1.0)

    assert time.monotonic() - began < 5
    run(session, "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -o 'sleep 5432[1]' || echo none")
    assert said(log).endswith("none\n")


def test_a_child_that_is_left_behind_holds_nobody(session: Session, log: Log) -> None:
    began = time.monotonic()
    run(session, "sleep 5 & echo begun")

    assert said(log) == "begun\n"
    assert time.monotonic() - began < 4


def test_a_child_that_writes_for_ever_does_not_hide_the_end(session: Session) -> None:
    with pytest.raises(RemoteError, match="ended with status 3"):
        run(session, "yes & sleep 0.1; exit 3")


def test_output_that_is_passed_on_slowly_is_passed_on_whole() -> None:
    class Slow(Log):
        def log(self, where: str, text: bytes) -> None:
            time.sleep(0.05)
            super().log(where, text)

    slow = Slow()
    run(LocalSession("here", slow), "seq 1 400000")

    assert said(slow).endswith("399999\n400000\n")


def test_much_output_loses_nothing(session: Session, log: Log) -> None:
    run(session, "seq 1 50000")

    assert said(log).split() == [str(number) for number in range(1, 50001)]


def test_a_command_sees_the_locale_of_a_login(session: Session, log: Log) -> None:
    run(session, 'echo "${LC_ALL-none} ${LANG:+some}"')

    assert said(log) == "none some\n"


# Hooks ---------------------------------------------------------------------------------------------------------------


def setting(hooks: dict[Occasion, Hook], log: Log, directory: Path, session: Session | None = None) -> Setting:
    def session_to(host: Host) -> Session:
        assert session is not None
        assert host == TWO[0]
        return session

    return Setting(Environment("production", TWO, hooks=hooks), "mill", "0.2.0", session_to, log, str(directory))


@pytest.mark.parametrize(("hosts", "of"), [(TWO, "prod1 prod2"), (TWO[1:], "prod2"), ((), "")])
def test_a_hook_runs_in_its_directory_and_knows_what_it_is_about(
    tmp_path: Path, log: Log, hosts: tuple[Host, ...], of: str
) -> None:
    here = setting({"before_batch": Hook(f"{TELLS} >it")}, log, tmp_path)

    assert run_hook(here, "before_batch", hosts) == "the hook before_batch was run"
    assert (tmp_path / "it").read_text() == f"before_batch: mill 0.2.0 to production, {of.partition(' ')[0]} of {of}\n"


@pytest.mark.hosts
def test_a_hook_on_a_host_runs_on_the_first_one(session_fleet: Fleet, tmp_path: Path, log: Log) -> None:
    with connect(TWO[0], Ssh(config=session_fleet.ssh_config), log) as session:
        here = setting({"before_host": Hook(f"{TELLS}; hostname", on="host")}, log, tmp_path, session)
        run_hook(here, "before_host", TWO)

    assert said(log).startswith("before_host: mill 0.2.0 to production, prod1 of prod1 prod2\nprod1\n")


def test_without_a_hook_nothing_is_done(tmp_path: Path, log: Log) -> None:
    here = setting({"after_roll": Hook("")}, log, tmp_path)

    assert run_hook(here, "after_roll", TWO) == run_hook(here, "before_roll", TWO) == ""
    assert log.everything == []


def test_a_failure_stops_the_roll_or_is_only_told(tmp_path: Path, log: Log) -> None:
    hook = Hook("echo why; false")
    with pytest.raises(RemoteError, match=r"local: the hook after_host ended with status 1\n  \| why"):
        run_hook(setting({"after_host": hook}, log, tmp_path), "after_host", TWO[:1])
    told = run_hook(setting({"after_host": replace(hook, failure="warn")}, log, tmp_path), "after_host", TWO[:1])

    assert told == "the hook after_host failed; that stops nothing"
    assert log.warnings == ["local: the hook after_host ended with status 1\n  | why"]
