"""Rehearsals that end in the middle: nothing of them is left running, and nothing is left lying about."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from deliver.config.schema import Host, Ssh
from deliver.errors import RemoteError
from deliver.upgrade.keeper import kept
from tests.build.workshop import Story, Workshop
from tests.ports import bell_config
from tests.upgrade.test_flow import left_behind

TOML = """
app = "bell"
repository = "{shop.repository.path}"
store = "{shop.config.store}"
[build.host]
name = "local"
path = "{shop.config.build.host.path}"
[rehearsal]
probe = "{probe}"
"""


def wait_for(what: Callable[[], object], seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """The bell, built twice."""
    shop = Workshop.make(tmp_path_factory.mktemp("bell"), "bell", files=bell_config())
    for tag in ("v0.1.0", "v0.2.0"):
        shop.build(tag=tag)
    return shop


@pytest.fixture
def start(shop: Workshop, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Begins a rehearsal, and returns when a node of it is up, and waited for by a probe."""
    probe = f"touch '{tmp_path}/up'; [ -e '{tmp_path}/go' ] || sleep 50"
    (tmp_path / "deliver.toml").write_text(TOML.format(shop=shop, probe=probe))
    running = []

    def begin() -> subprocess.Popen[bytes]:
        main = "from deliver.cli.program import main; main()"
        words = [sys.executable, "-c", main, "build-upgrade", "--with", "0.1.0", "--to", "0.2.0", "--again"]
        running.append(subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE))
        wait_for((tmp_path / "up").exists)
        return running[-1]

    yield begin
    for child in running:
        child.kill()
        child.communicate()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "status"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=str
)
def test_a_rehearsal_that_is_ended_in_the_middle_takes_its_nodes_along(
    shop: Workshop, start: Callable[[], subprocess.Popen[bytes]], tmp_path: Path, how: signal.Signals, status: int
) -> None:
    build_host = Path(shop.config.build.host.path)
    child = start()
    assert any("-boot" in line for line in left_behind(build_host))
    assert any("epmd" in line for line in left_behind(build_host))
    child.send_signal(how)
    assert child.wait(30) == status
    wait_for(lambda: not left_behind(build_host))
    wait_for(lambda: not (shop.root / "rehearsals").exists())
    if how != signal.SIGKILL:
        return
    (tmp_path / "go").touch()
    again = start()
    assert again.wait(90) == 0, again.communicate()[1]


def keep(path: Path, story: Story, token: str) -> AbstractContextManager[str]:
    return kept(Host("local"), Ssh(), story, {"path": str(path), "app": "bell", "token": token})


def children(of: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(of)], check=False, capture_output=True, text=True)
    return [int(one) for one in found.stdout.split()]


def test_what_a_killed_keeper_left_is_cleared_by_the_next_rehearsal_and_what_lives_is_not(tmp_path: Path) -> None:
    story = Story()
    with keep(tmp_path, story, "one") as one, keep(tmp_path, story, "two") as two:
        assert sorted(path.name for path in (tmp_path / "bell/rehearsals").iterdir()) == ["one", "two"]
        (keeper,) = [pid for pid in children(os.getpid()) if pid == owner(Path(one))]
        sleeper = subprocess.Popen(["sleep", "60"], env={"WHERE": f"{one}/x"}, start_new_session=True)
        os.killpg(keeper, signal.SIGKILL)
        with keep(tmp_path, story, "three"):
            assert sleeper.wait(10) == -signal.SIGKILL
            assert sorted(path.name for path in (tmp_path / "bell/rehearsals").iterdir()) == ["three", "two"]
        assert Path(two).exists()
    assert not (tmp_path / "bell/rehearsals").exists()
    assert "is cleared by the next one" in story.warnings[0]


def owner(place: Path) -> int:
    (found,) = place.glob("owner.*")
    return int(found.name.split(".")[1])


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "bell").mkdir()
    (tmp_path / "bell/rehearsals").write_text("in the way")
    with pytest.raises(RemoteError, match="cannot make"), keep(tmp_path, Story(), "one"):
        pass
