from __future__ import annotations

import threading
import time

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


def test_following_goes_on_in_the_next_file(mix: Installed) -> None:
    mix.start()
    kept: list[bytes] = []
    sink = kept.append

    def follow() -> None:
        read(mix.session, mix.host, mix.environment, mix.app, sink, lines=5, follow=True)

    other = Installed(mix.app, mix.path, mix.host)
    thread = threading.Thread(target=lambda: _until_closed(follow))
    thread.start()
    try:
        eventually(lambda: bool(kept))
        say(other, "in the first file")
        eventually(lambda: b"in the first file" in b"".join(kept))
        time.sleep(1.1)  # files are told apart by their times
        (mix.root / "tmp" / "log" / "erlang.log.2").write_text("in the second file\n")
        eventually(lambda: b"in the second file" in b"".join(kept))
    finally:
        mix.session.close()
        thread.join(20)
    assert not thread.is_alive()


def _until_closed(work: object) -> None:
    assert callable(work)
    with pytest.raises((RemoteError, OSError)):
        work()


def test_a_command_of_ones_own_has_its_own_file(mix: Installed) -> None:
    mix.service = Service(kind="command", start="true", logs="my log.txt")
    (mix.root / "my log.txt").write_text("one\ntwo\n")

    assert last(mix, 1) == "two\n"


def test_no_log_is_an_error_that_says_where_it_was_looked_for(mix: Installed) -> None:
    with pytest.raises(RemoteError, match="no log of the node is there"):
        last(mix)
