"""What holds for every session, shown on this machine and, where it can be, on a host behind SSH."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deliver.config.schema import Host, Ssh
from deliver.errors import DeadlineError, RemoteError
from deliver.remote.connect import connect
from deliver.remote.script import Script, bare, script
from deliver.remote.session import Session
from deliver.report import Silent
from deliver.secret import Secret


@pytest.fixture(params=["local", pytest.param("inner", marks=pytest.mark.hosts)])
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    ssh = Ssh() if request.param == "local" else request.getfixturevalue("ssh")
    with connect(Host(request.param), ssh, Silent()) as opened:
        yield opened


def test_a_script_says_facts_and_its_messages_are_kept(session: Session) -> None:
    done = session.run(Script("x", "say greeting 'good day' two\necho aside >&2\n"))
    assert list(done.facts()) == [("greeting", ["good day", "two"])]
    assert done.stderr == "aside"
    assert session.commands == 1


def test_data_goes_in_and_comes_out_whole(session: Session) -> None:
    data = [os.urandom(1 << 20) for _ in range(8)]
    back: list[bytes] = []
    session.run(Script("x", "cat\n"), stdin=iter(data), stdout=back.append)
    assert b"".join(back) == b"".join(data)


def test_a_failing_script_tells_its_last_word(session: Session) -> None:
    with pytest.raises(RemoteError, match="the disk is on fire") as caught:
        session.run(Script("x", "echo noise >&2\nfail 'the disk is on fire' 7\n"))
    assert caught.value.status == 7


def test_a_script_that_fails_without_a_word_shows_what_it_wrote(session: Session) -> None:
    with pytest.raises(RemoteError, match=r"(?s)status 127.*no-such-tool"):
        session.run(Script("x", "no-such-tool\n"))


def test_a_script_that_stops_reading_is_judged_by_its_own_status(session: Session) -> None:
    with pytest.raises(RemoteError, match="not that") as caught:
        session.run(Script("x", "fail 'not that' 9\n"), stdin=[bytes(1 << 20)] * 20)
    assert caught.value.status == 9


def test_an_error_in_making_the_data_ends_the_script_and_is_raised(session: Session) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise OSError("the store went away")

    with pytest.raises(OSError, match="the store went away"):
        session.run(Script("x", "cat >/dev/null; sleep 30\n"), stdin=pieces())


def test_the_host_ends_a_script_at_its_deadline_with_all_it_started(session: Session, tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(DeadlineError, match="the deadline of 1 s is over"):
        session.run(Script("x", "sleep 4711 & sleep 4711\n"), deadline=1)
    assert time.monotonic() - began < 5
    assert _count(session, "sleep 4711") == 0
    assert not list(tmp_path.iterdir())


def test_a_script_ends_when_the_operator_is_gone_and_cleans_up(
    session: Session, request: pytest.FixtureRequest
) -> None:
    name = session.name
    ssh = Ssh() if name == "local" else request.getfixturevalue("ssh")
    mark = f"/tmp/deliver-lifeline-{os.getpid()}"  # noqa: S108  # a path of the host
    with connect(Host(name), ssh, Silent()) as other:
        started = Script("x", f"touch {mark}; at_exit rm -f {mark}; sleep 4712\n")
        with pytest.raises((DeadlineError, RemoteError, OSError, ValueError)):
            _close_in_the_middle(other, started)
    assert _soon(lambda: _count(session, "sleep 4712") == 0)
    assert _soon(lambda: session.run(Script("x", f"[ ! -e {mark} ]\n"), check=False).status == 0)


def test_nothing_of_a_script_reads_the_operators_stdin(session: Session) -> None:
    assert session.run(Script("x", "cat; echo end\n")).lines == ["end"]


def test_watchers_leave_nothing_behind(session: Session) -> None:
    for _ in range(3):
        session.run(Script("x", "true\n"), deadline=4713)
    assert _soon(lambda: _count(session, "sleep 4713") == 0)


def test_arguments_are_quoted_and_secrets_are_in_no_argument_list(session: Session) -> None:
    secret = Secret("hunter2-$(touch /tmp/pwned)'\"")
    text = (
        "printf '%s\\n' \"$word\" \"$secret\"; tr '\\0' ' ' </proc/$$/cmdline; cat /proc/$$/environ | tr '\\0' '\\n'\n"
    )
    shown = script("prelude.sh", {"word": "two words; $(false) 'quoted'", "secret": secret})
    assignments = shown.text.removesuffix(bare("prelude.sh"))
    done = session.run(Script("x", assignments + text, shown.secrets))
    assert done.lines[:2] == ["two words; $(false) 'quoted'", secret.reveal]
    assert "hunter2" not in "\n".join(done.lines[2:])
    assert "hunter2" not in shown.shown()


def _close_in_the_middle(session: Session, text: Script) -> None:
    def closing() -> Iterator[bytes]:
        yield b""

    from threading import Timer  # the session is closed from outside, as an interruption does

    Timer(0.5, session.close).start()
    session.run(text, deadline=30)
    list(closing())


def _count(session: Session, what: str) -> int:
    lines = session.run(Script("x", "ps -e -o args=\n")).lines
    return sum(line.strip() == what for line in lines)


def _soon(condition: object, patience: float = 8.0) -> bool:
    assert callable(condition)
    ends = time.monotonic() + patience
    while time.monotonic() < ends:
        if condition():
            return True
        time.sleep(0.1)
    return False
