"""The hosts that other tests stand on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.hosts import Fleet, leftovers, sweep

OWNER = """
import sys
import time
from pathlib import Path
from tests.hosts import Fleet, leftovers
leftovers.BASE = Path(sys.argv[1])
with Fleet(["a", "b"], name="killed") as fleet:
    print(fleet.directory, flush=True)
    time.sleep(99)
"""
PLACES = ["/srv", "/home", "/root", "/tmp", "/etc", "/run", "/var/tmp"]  # noqa: S108  # of hosts, not ours

pytestmark = pytest.mark.hosts


def ssh(fleet: Fleet, host: str, command: str) -> subprocess.CompletedProcess[str]:
    line = ["ssh", "-F", str(fleet.ssh_config), "-o", "ConnectTimeout=5", host, command]
    return subprocess.run(line, text=True, capture_output=True, check=False, stdin=subprocess.DEVNULL)


def test_an_operator_logs_in_to_every_host_by_its_name(fleet: Fleet) -> None:
    assert [ssh(fleet, name, "hostname; id -un").stdout for name in fleet.hosts] == [
        f"{name}\ndeploy\n" for name in fleet.hosts
    ]


def test_hosts_know_each_other_by_name(fleet: Fleet) -> None:
    assert fleet["prod1"].shell("getent hosts prod2").startswith(fleet["prod2"].address)
    fleet["prod1"].shell("bash -c 'exec 3<>/dev/tcp/prod2/22'")


def test_what_happens_on_a_host_stays_there(fleet: Fleet) -> None:
    for place in PLACES:
        fleet["prod1"].run(["touch", f"{place}/seen-from-outside"])
    assert [place for place in PLACES if Path(place, "seen-from-outside").exists()] == []
    assert fleet["prod2"].shell("ls -d /*/seen-from-outside || :") == ""
    fleet["prod1"].shell("rm /etc/seen-from-outside /run/seen-from-outside")


def test_a_host_that_is_down_does_not_answer_and_comes_back_with_its_disk(fleet: Fleet) -> None:
    host = fleet["prod1"]
    host.shell("echo kept >/srv/file; sleep 1000 >/dev/null 2>&1 &", user="deploy")
    host.down()
    assert ssh(fleet, "prod1", "true").returncode == 255
    host.up()
    assert ssh(fleet, "prod1", "cat /srv/file").stdout == "kept\n"
    assert not any("sleep 1000" in line for line in host.processes())


def test_a_replaced_host_key_is_refused_until_it_is_trusted(fleet: Fleet) -> None:
    fleet["prod1"].replace_host_key()
    assert "Host key verification failed" in ssh(fleet, "prod1", "true").stderr
    fleet.trust()
    assert ssh(fleet, "prod1", "true").returncode == 0


def test_a_host_without_sshd_refuses_connections(fleet: Fleet) -> None:
    fleet["prod1"].stop_sshd()
    assert "Connection refused" in ssh(fleet, "prod1", "true").stderr
    fleet["prod1"].start_sshd()
    assert ssh(fleet, "prod1", "true").returncode == 0


def test_a_small_disk_gets_full(fleet: Fleet) -> None:
    host = fleet["prod1"]
    with host.small_disk("8m"):
        host.fill(leave=4096)
        done = host.run(["dd", "if=/dev/zero", "of=/srv/more", "bs=64k", "count=1"], user="deploy", check=False)
        assert "No space left" in done.stderr
    assert host.shell("ls /srv") == ""


@pytest.mark.parametrize("shell", ["/bin/dash", "/usr/bin/fish", "/bin/sh"])
def test_a_user_has_the_login_shell_it_was_given(fleet: Fleet, shell: str) -> None:
    fleet["prod1"].set_shell("deploy", shell)
    fleet["prod1"].add_user("other", shell)
    assert ssh(fleet, "prod1", "echo $SHELL").stdout == f"{shell}\n"
    assert ssh(fleet, "other@prod1", "echo $SHELL").stdout == f"{shell}\n"


def test_mending_undoes_what_a_test_did(fleet: Fleet) -> None:
    host = fleet["prod1"]
    host.add_user("other")
    host.shell("touch /srv/file /tmp/file; chsh -s /bin/dash deploy; sleep 1000 >/dev/null 2>&1 &")
    fleet["prod2"].down()
    fleet.mend()
    assert host.shell("ls /home /srv; getent passwd deploy other || :").splitlines() == [
        "/home:",
        "deploy",
        "",
        "/srv:",
        "deploy:x:20001:20001:made by deliver's tests:/home/deploy:/bin/bash",
    ]
    assert not any("sleep 1000" in line for line in host.processes())
    assert ssh(fleet, "prod2", "true").returncode == 0


def test_orphans_are_reaped(fleet: Fleet) -> None:
    host = fleet["prod1"]
    host.shell("(sleep 0.1 &) ; (sh -c 'sleep 0.1 &')")
    time.sleep(0.3)
    assert "Z" not in host.shell("cat /proc/[0-9]*/stat 2>/dev/null | sed 's/.*) //; s/ .*//'")


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry of its own: whoever makes a fleet sweeps the common one."""
    registry = leftovers.BASE.with_name(f"{leftovers.BASE.name}-{os.getpid()}")
    monkeypatch.setattr(leftovers, "BASE", registry)
    return registry


def test_a_killed_owner_leaves_nothing_after_the_next_sweep(registry: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER, str(registry)], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        directory = Path(owner.stdout.readline().strip())
        os.kill(owner.pid, signal.SIGKILL)
    assert len(list(leftovers.processes(str(directory)))) == 2
    assert "killed" in sweep()
    assert not registry.exists()
    assert list(leftovers.processes(str(directory))) == []
    assert list(Path("/sys/class/net").glob(f"dlv{directory.name}*")) == []


def test_two_fleets_stand_side_by_side(fleet: Fleet) -> None:
    with Fleet(["prod1"], name="second") as second:
        assert second["prod1"].address != fleet["prod1"].address
        assert ssh(second, "prod1", "hostname").stdout == "prod1\n"
        sweep()
        assert ssh(second, "prod1", "hostname").stdout == "prod1\n"


def test_a_kept_fleet_outlives_its_owner_until_it_is_taken_down_by_name() -> None:
    name = f"kept {os.getpid()}"
    command = [sys.executable, "-m", "tests.hosts"]
    up = subprocess.run([*command, "up", name, "solo"], text=True, check=True, stdout=subprocess.PIPE)
    directory = Path(up.stdout.strip())
    config = directory / "ssh_config"
    try:
        assert name not in sweep()
        line = ["ssh", "-F", str(config), "solo", "hostname"]
        assert subprocess.run(line, text=True, check=True, stdout=subprocess.PIPE).stdout == "solo\n"
    finally:
        subprocess.run([*command, "down", name], check=True)
    assert not directory.exists()
