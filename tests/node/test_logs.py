from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from deliver.config.schema import Service
from deliver.errors import RemoteError
from deliver.node.logs import read
from tests.node.releases import Installed, ask, eventually

pytestmark = pytest.mark.slow


def last(release: Installed, lines: int = 100) -> str:
    kept: list[bytes] = []
    read(release.session, release.host, release.environment, release.app, kept.append, lines=lines)
    return b"".join(kept).decode()


def say(release: Installed, word: str) -> None:
    release.session.run(ask(release, f'io:format(user, "~s~n", ["{word}"]).'))


def test_the_last_lines_are_shown_without_carriage_returns(release: Installed) -> None:
    release.start()
    for number in range(5):
        say(release, f"line {number} of ours")
    eventually(lambda: "line 4" in last(release))

    found = last(release, 2)

    assert "line 4 of ours\n" in found
    assert "line 1" not in found
    assert "\r" not in found


@contextmanager
def followed(release: Installed) -> Iterator[Callable[[], bytes]]:
    """What following the log has shown so far."""
    kept: list[bytes] = []

    def follow() -> None:
        with pytest.raises((RemoteError, OSError)):  # the session is closed under it
            read(release.session, release.host, release.environment, release.app, kept.append, lines=5, follow=True)

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        eventually(lambda: bool(kept))
        yield lambda: b"".join(kept)
    finally:
        release.session.close()
        thread.join(20)
    assert not thread.is_alive()


def test_following_goes_on_in_the_next_files_and_leaves_no_line_out(mix: Installed) -> None:
    mix.start()
    other = Installed(mix.app, mix.path, mix.host)
    with followed(mix) as shown:
        say(other, "in the first file")
        eventually(lambda: b"in the first file" in shown())
        (mix.root / "tmp/log/erlang.log.1.gz").write_text("kept by somebody")
        burst = '[io:format(user, "burst ~b ~s~n", [N, lists:duplicate(100, $x)]) || N <- lists:seq(1, 2500)], ok.'
        other.session.run(ask(other, burst))
        eventually(lambda: b"burst 2500 " in shown())
        found = [line.split()[1] for line in shown().decode().splitlines() if line.startswith("burst ")]
    assert found == [str(number) for number in range(1, 2501)]


def test_following_goes_on_when_a_file_of_ones_own_is_emptied(mix: Installed) -> None:
    mix.service = Service(kind="command", start="true", logs="my log.txt")
    file = mix.root / "my log.txt"
    file.write_text("before\n")
    with followed(mix) as shown:
        file.write_text("new\n")
        eventually(lambda: shown() == b"before\nnew\n")


def test_a_command_of_ones_own_has_its_own_file(mix: Installed) -> None:
    mix.service = Service(kind="command", start="true", logs="my log.txt")
    (mix.root / "my log.txt").write_text("one\ntwo\n")

    assert last(mix, 1) == "two\n"


def test_no_log_is_an_error_that_says_where_it_was_looked_for(mix: Installed) -> None:
    with pytest.raises(RemoteError, match="no log of the node is there"):
        last(mix)
