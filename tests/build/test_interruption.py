"""Several builders at once, and builders that end in the middle: the lock, the far side, and the next run."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deliver.build import plan
from deliver.build.send import Sender, prepare
from deliver.errors import RemoteError, SourceError
from deliver.remote.local import LocalSession
from deliver.report import Silent
from deliver.source import resolve
from tests.build.workshop import Workshop

pytestmark = pytest.mark.slow

TOML = """
app = "counter"
repository = "{repository}"
[build]
[build.host]
name = "local"
path = "{path}"
[build.hooks]
before_compile = "{hook}"
"""
#: Waits in the middle of a build until the test has seen it and lets it go on.
HOOK = "echo $$ >'{base}/reached'; while [ ! -e '{base}/go' ]; do sleep 0.1; done"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory with a deliver.toml; builds wait in a hook until there is a file `go`."""
    workshop = Workshop.make(tmp_path, "counter")
    hook = HOOK.format(base=tmp_path)
    text = TOML.format(repository=workshop.repository.path, path=workshop.config.build.host.path, hook=hook)
    (tmp_path / "deliver.toml").write_text(text)
    return tmp_path


def run(project: Path, *options: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*options), cwd=project, text=True, capture_output=True, check=False, timeout=timeout)


def command(*options: str) -> list[str]:
    main = "from deliver.cli.program import main; main()"
    return [sys.executable, "-c", main, "build-release", *options]


@pytest.fixture
def start(project: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Begins a build, and returns when it is in the middle."""
    running: list[subprocess.Popen[str]] = []

    def begin(*options: str) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            command(*options), cwd=project, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        running.append(child)
        wait_for((project / "reached").exists)
        return child

    yield begin
    (project / "go").touch()
    for child in running:
        child.wait(60)


def wait_for(what: Callable[[], object], seconds: float = 20) -> None:
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.05)


def is_gone(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return False
    return True


def hook_process(project: Path) -> int:
    wait_for(lambda: (project / "reached").read_text().strip())
    return int((project / "reached").read_text())


def test_a_second_builder_leaves_with_the_locks_exit_code_and_the_holder(
    project: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    first = start()
    second = run(project, "--json")
    assert second.returncode == 75
    assert f"process {first.pid}" in second.stderr
    assert "counter is being built by" in second.stderr
    assert "--lock-wait" in second.stderr
    assert json.loads(second.stdout)["error"]


def test_a_second_builder_may_wait(project: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    first = start()
    second = start("--lock-wait", "50", "--tag", "0.1.0")
    time.sleep(3)
    assert second.poll() is None
    (project / "go").touch()
    assert (first.wait(60), second.wait(60)) == (0, 0)
    records = project / ".deliver/store/releases/counter"
    assert sorted(path.name for path in records.iterdir()) == ["0.1.0", "0.2.0"]


@pytest.mark.parametrize(
    ("how", "status"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=str
)
def test_when_a_builder_ends_in_the_middle_its_build_ends_and_the_next_one_works(
    project: Path, start: Callable[..., subprocess.Popen[str]], how: signal.Signals, status: int
) -> None:
    first = start()
    far = hook_process(project)
    first.send_signal(how)
    assert first.wait(20) == status
    wait_for(lambda: is_gone(far))
    (project / "go").touch()
    second = run(project)
    assert second.returncode == 0, second.stderr
    assert run(project, "--rebuild").returncode == 0
    left = {path.name for path in (project / "build host/counter").iterdir()}
    assert left == {"repository.git", "checkout", "output"}
    assert list((project / "build host/counter/output").iterdir()) == []


def test_what_nobody_fetched_is_removed_after_an_hour(tmp_path: Path) -> None:
    counter = Workshop.make(tmp_path, "counter")
    output = counter.root / "output"
    for name, age in (("old", 3700), ("fresh", 60)):
        (output / name).mkdir(parents=True)
        os.utime(output / name, (time.time() - age,) * 2)
    counter.build()
    assert [path.name for path in output.iterdir()] == ["fresh"]


def test_a_build_that_takes_too_long_is_ended_by_the_build_host(project: Path) -> None:
    began = time.monotonic()
    done = run(project, "--set", "build.timeout=6s")
    assert done.returncode == 1
    assert "the deadline of 6 s is over" in done.stderr
    assert time.monotonic() - began < 25
    wait_for(lambda: is_gone(hook_process(project)))


def test_commits_that_arrive_in_part_are_not_taken_for_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Workshop.make(tmp_path, "counter")
    session = LocalSession("local", Silent())
    asking = plan.prepare_script(counter.config, "mix")
    source = resolve(counter.repository.path)

    def broken(*_arguments: object) -> Iterator[bytes]:
        yield b"PACK\0\0\0\2"
        raise SourceError("the disk of this machine is broken")

    with monkeypatch.context() as patch:
        patch.setattr("deliver.source.pack", broken)
        sender = Sender(session, counter.config.build.host.path, "counter", 60.0)
        with pytest.raises((SourceError, RemoteError)):
            sender.send(source, [], prepare(session, asking))
    assert prepare(session, asking).whole == frozenset()
    assert counter.build().is_new
    assert source.commit in prepare(session, asking).whole
