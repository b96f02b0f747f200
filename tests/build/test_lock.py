"""`payload/lock.sh`: one holder at a time, and none that is dead."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deliver.remote.script import payload
from tests.hosts import Fleet

SHELLS = (["dash"], ["busybox", "sh"])
TAKE = 'take_lock "$dir" "$who" "$wait"\nsay taken\n'


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def shell(request: pytest.FixtureRequest) -> list[str]:
    return list(request.param)


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "a place" / "lock"


def holder(name: str) -> str:
    return json.dumps({"who": name})


def script(lock: Path, who: str, body: str, wait: int = 0) -> str:
    head = f"deadline=60\nlifeline=no\n{payload('prelude.sh')}{payload('lock.sh')}"
    return f"{head}dir='{lock}'\nwho='{holder(who)}'\nwait={wait}\n{body}"


def run(shell: list[str], text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*shell, "-c", text], capture_output=True, text=True, check=False, start_new_session=True, timeout=30
    )


def start(shell: list[str], text: str) -> subprocess.Popen[str]:
    return subprocess.Popen([*shell, "-c", text], stdout=subprocess.PIPE, text=True, start_new_session=True)


@pytest.fixture
def keeper(shell: list[str], lock: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has the lock, and would keep it for long."""
    with start(shell, script(lock, "anna", TAKE + "sleep 50\n")) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "taken\n"
        yield child
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)


def test_a_free_lock_is_taken_described_and_given_back(shell: list[str], lock: Path) -> None:
    done = run(shell, script(lock, "anna", TAKE + 'cat "$dir/holder" "$dir/pid"\n[ -s "$dir/boot" ]\n'))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == ["taken", holder("anna")]
    assert list(lock.parent.iterdir()) == []


@pytest.mark.usefixtures("keeper")
def test_a_held_lock_is_refused_with_its_holder_and_status_75(shell: list[str], lock: Path) -> None:
    done = run(shell, script(lock, "bert", TAKE))
    assert done.returncode == 75
    assert done.stdout.splitlines() == [f"locked\t{holder('anna')}"]
    assert [path.name for path in lock.parent.iterdir()] == ["lock"]


def test_a_second_one_waits_until_the_lock_is_free(shell: list[str], lock: Path, keeper: subprocess.Popen[str]) -> None:
    with start(shell, script(lock, "bert", TAKE, wait=20)) as second:
        assert second.stdout is not None
        assert second.stdout.readline() == f"waiting\t{holder('anna')}\n"
        os.killpg(keeper.pid, signal.SIGTERM)
        assert second.stdout.readline() == "taken\n"


def test_the_lock_of_a_killed_holder_is_taken_over_aloud(
    shell: list[str], lock: Path, keeper: subprocess.Popen[str]
) -> None:
    os.killpg(keeper.pid, signal.SIGKILL)
    keeper.wait()
    assert (lock / "holder").exists()
    done = run(shell, script(lock, "bert", TAKE + 'cat "$dir/holder"\n'))
    assert done.stdout.splitlines() == ["taken", holder("bert")]
    assert f"took over the lock of a process that is gone: {holder('anna')}" in done.stderr
    assert list(lock.parent.iterdir()) == []


def test_a_killed_holder_that_nobody_has_buried_is_dead(
    shell: list[str], lock: Path, keeper: subprocess.Popen[str]
) -> None:
    os.killpg(keeper.pid, signal.SIGKILL)
    os.waitid(os.P_PID, keeper.pid, os.WEXITED | os.WNOWAIT)
    assert run(shell, script(lock, "ben", TAKE)).stdout == "taken\n"


def test_a_used_again_process_id_does_not_keep_a_lock(
    shell: list[str], lock: Path, keeper: subprocess.Popen[str]
) -> None:
    owner = next(lock.glob("owner.*"))
    pid, birth, rest = owner.name.removeprefix("owner.").split(".", 2)
    owner.rename(lock / f"owner.{pid}.{int(birth) - 1}.{rest}")
    assert run(shell, script(lock, "bert", TAKE)).stdout == "taken\n"
    assert keeper.poll() is None


def test_the_lock_of_another_machine_is_never_taken_over(shell: list[str], lock: Path) -> None:
    (lock / "owner.1.2.some-boot.elsewhere").mkdir(parents=True)
    (lock / "holder").write_text(holder("carl") + "\n")
    done = run(shell, script(lock, "bert", TAKE))
    assert (done.returncode, done.stdout) == (75, f"locked\t{holder('carl')}\n")


@pytest.mark.hosts
def test_a_holder_that_the_kernel_hides_from_other_users_is_alive(shell: list[str], fleet: Fleet) -> None:
    host = fleet["prod1"]
    lock = Path("/srv/lock")
    host.shell("mount -o remount,hidepid=2 /proc")
    try:
        host.shell("(sleep 1000; true) >/dev/null 2>&1 & echo $! >/srv/pid")
        pid = host.shell("cat /srv/pid")
        owner = host.shell(f"{payload('lock.sh')}lock_identity {pid}")
        host.shell(f"mkdir -p {lock}/owner.{owner}; echo '{holder('anna')}' >{lock}/holder; chown -R deploy {lock}")
        take = [*shell, "-c", script(lock, "bert", TAKE)]
        assert host.shell(f"[ ! -e /proc/{pid} ]; echo hidden", user="deploy") == "hidden"
        done = host.run(take, user="deploy", check=False)
        assert (done.returncode, done.stdout) == (75, f"locked\t{holder('anna')}\n")
        host.shell(f"kill {pid}; while [ -e /proc/{pid} ]; do sleep 0.1; done")
        assert host.run(take, user="deploy").stdout == "taken\n"
    finally:
        host.shell("mount -o remount,hidepid=0 /proc")


def test_only_one_of_many_takes_over_a_dead_lock(shell: list[str], lock: Path, keeper: subprocess.Popen[str]) -> None:
    os.killpg(keeper.pid, signal.SIGKILL)
    keeper.wait()
    crowd = [start(shell, script(lock, f"n{n}", TAKE + "sleep 1\n")) for n in range(12)]
    outcomes = sorted(one.communicate(timeout=30)[0].split()[0] for one in crowd)
    assert outcomes == ["locked"] * 11 + ["taken"]


def test_many_that_wait_hold_the_lock_one_after_another(shell: list[str], lock: Path, tmp_path: Path) -> None:
    once = f"mkdir '{tmp_path}/busy' || say clash\nsleep 0.05\nrmdir '{tmp_path}/busy'\n"
    began = time.monotonic()
    crowd = [start(shell, script(lock, f"n{n}", TAKE + once, wait=60)) for n in range(6)]
    told = [one.communicate(timeout=60)[0] for one in crowd]
    assert all("taken" in text and "clash" not in text for text in told), told
    assert list(lock.parent.iterdir()) == []
    assert time.monotonic() - began < 30
