"""Reaching real hosts: keys, hops, shells, and many at once."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from deliver.config.schema import Host, Ssh
from deliver.errors import DeadlineError, FleetError, HostKeyError, UnreachableError
from deliver.remote.connect import connect
from deliver.remote.fleet import each, raise_failures, values
from deliver.remote.resolve import resolve
from deliver.remote.script import Script
from deliver.report import Silent
from tests.hosts.fleet import Fleet

pytestmark = pytest.mark.hosts
HELLO = Script("hello", 'say hostname "$(hostname)"\n')


def hello(host: Host, ssh: Ssh) -> str:
    with connect(host, ssh, Silent()) as session:
        return session.run(HELLO).lines[0].split("\t")[1]


def with_known_hosts(ssh: Ssh, path: Path) -> Ssh:
    return Ssh(config=ssh.config, known_hosts=(path,), connect_timeout=5)


def test_an_unknown_host_is_refused_with_the_command_that_asks(ssh: Ssh, tmp_path: Path) -> None:
    empty = tmp_path / "known hosts"
    empty.touch()
    with pytest.raises(HostKeyError, match="SHA256:") as caught:
        hello(Host("inner"), with_known_hosts(ssh, empty))
    assert caught.value.code == 76
    assert "StrictHostKeyChecking=ask" in caught.value.hint
    mend = caught.value.hint.partition("accept it by: ")[2]
    subprocess.run(mend.replace("=ask", "=accept-new"), shell=True, check=True, stdin=subprocess.DEVNULL)  # noqa: S602
    assert hello(Host("inner"), with_known_hosts(ssh, empty)) == "inner"


def test_a_changed_key_is_refused_with_the_command_that_forgets(pair: Fleet, ssh: Ssh, tmp_path: Path) -> None:
    old = tmp_path / "known_hosts"
    old.write_text(pair.known_hosts.read_text())
    pair["inner"].replace_host_key()
    with pytest.raises(HostKeyError, match="has changed") as caught:
        hello(Host("inner"), with_known_hosts(ssh, old))
    assert "ssh-keygen -f" in caught.value.hint
    assert "-R" in caught.value.hint


def test_a_revoked_key_is_refused(pair: Fleet, ssh: Ssh, tmp_path: Path) -> None:
    revoking = tmp_path / "known_hosts"
    known = pair.known_hosts.read_text()
    revoking.write_text(known + "\n".join("@revoked " + line for line in known.splitlines()) + "\n")
    with pytest.raises(HostKeyError, match="revoked"):
        hello(Host("inner"), with_known_hosts(ssh, revoking))


def test_hashed_names_patterns_and_markers_are_read_as_openssh_does(pair: Fleet, ssh: Ssh, tmp_path: Path) -> None:
    hashed = tmp_path / "known_hosts"
    hashed.write_text(
        "# a comment\n@cert-authority *.example.org " + _any_key(pair) + "\n" + pair.known_hosts.read_text()
    )
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(hashed)], check=True, capture_output=True)
    assert hello(Host("inner"), with_known_hosts(ssh, hashed)) == "inner"
    pattern = tmp_path / "pattern"
    pattern.write_text(
        "".join(f"10.* {' '.join(line.split()[1:])}\n" for line in pair.known_hosts.read_text().splitlines())
    )
    assert hello(Host("inner"), with_known_hosts(ssh, pattern)) == "inner"


@pytest.mark.usefixtures("ssh")
def test_jump_hosts_are_taken_in_openssh_order_and_shared(pair: Fleet, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        f"Include {pair.ssh_config}\n"
        f"Host far\n  HostName {pair['inner'].address}\n  HostKeyAlias inner-alias\n  ProxyJump jump\n"
    )
    known = tmp_path / "known_hosts"
    inner_key = subprocess.run(
        ["ssh-keygen", "-F", pair["inner"].address, "-f", str(pair.known_hosts)],
        check=True,
        capture_output=True,
        text=True,
    )
    fields = inner_key.stdout.splitlines()[1].split()
    known.write_text(pair.known_hosts.read_text() + f"inner-alias {fields[1]} {fields[2]}\n")
    jumping = Ssh(config=config, known_hosts=(known,), connect_timeout=5)
    endpoint = resolve(Host("far", user="root"), jumping)
    assert endpoint.via is not None
    assert endpoint.via.name == "jump"
    far = [Host("far", user="root", roles=(str(n),)) for n in range(5)]
    outcomes = each(far, lambda host: hello(host, jumping), name=lambda host: host.roles[0], limit=5)
    assert values(outcomes) == ["inner"] * 5


def test_a_host_that_is_down_is_told_apart_from_one_that_refuses(pair: Fleet, ssh: Ssh) -> None:
    pair["inner"].stop_sshd()
    with pytest.raises(UnreachableError, match="refused"):
        hello(Host("inner"), ssh)
    pair["inner"].down()
    with pytest.raises(UnreachableError, match=r"no answer within|no route") as caught:
        hello(Host("inner"), Ssh(config=ssh.config, connect_timeout=1))
    assert caught.value.code == 69


@pytest.fixture
def mute() -> Iterator[Host]:
    """A port that takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Host("mute", address="127.0.0.1", port=server.getsockname()[1])


def test_a_port_that_says_nothing_is_given_up_in_time_and_quietly(
    mute: Host, ssh: Ssh, capfd: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    with pytest.raises(UnreachableError, match="no answer within 1 s"):
        hello(mute, Ssh(config=ssh.config, connect_timeout=1))
    assert time.monotonic() - began < 3
    assert capfd.readouterr().err == ""


def test_hosts_behind_a_dead_bastion_fail_together(mute: Host, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(f"Host a b c d\n  ProxyJump {mute.address}:{mute.port}\n")
    began = time.monotonic()
    hosts = [Host(name) for name in "abcd"]
    short = Ssh(config=config, connect_timeout=1)
    outcomes = each(hosts, lambda host: hello(host, short), name=lambda host: host.name, limit=4)
    assert [str(outcome.error).partition(":")[0] for outcome in outcomes] == list("abcd")
    assert all("through 127.0.0.1" in str(outcome.error) for outcome in outcomes)
    assert time.monotonic() - began < 3


def test_ctrl_c_does_not_wait_for_hosts_that_do_not_answer(mute: Host, ssh: Ssh) -> None:
    hosts = ", ".join(f"Host('{name}', address='{mute.address}', port={mute.port})" for name in "abc")
    program = (
        "import sys\nfrom deliver.config.schema import Host, Ssh\nfrom deliver.remote.connect import connect\n"
        "from deliver.remote.fleet import each\nfrom deliver.report import Silent\nfrom pathlib import Path\n"
        f"ssh = Ssh(config=Path({str(ssh.config)!r}), connect_timeout=60)\n"
        "print('up', flush=True)\n"
        f"each([{hosts}], lambda host: connect(host, ssh, Silent()).__enter__(), name=str, limit=3)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        running.stdout.readline()
        time.sleep(1.5)
        running.send_signal(signal.SIGINT)
        began = time.monotonic()
        _, said = running.communicate(timeout=60)
    assert time.monotonic() - began < 3
    assert said.decode().rstrip().endswith("KeyboardInterrupt")


def test_a_login_that_is_refused_says_which_keys_were_tried(ssh: Ssh) -> None:
    with pytest.raises(UnreachableError, match="does not let us in; tried"):
        hello(Host("inner", user="nobody"), ssh)
    assert hello(Host("inner"), ssh) == "inner"


def test_without_any_key_a_login_is_refused_at_once(
    pair: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    config = tmp_path / "config"
    config.write_text(f"Host *\n  UserKnownHostsFile {pair.known_hosts}\n  IdentityFile none\n")
    began = time.monotonic()
    with pytest.raises(UnreachableError, match="does not let us in; tried no key file"):
        hello(Host("inner", address=pair["inner"].address), Ssh(config=config))
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize("shell", ["/bin/dash", "/usr/bin/fish", "/bin/rbash", "/bin/bash", "/bin/sh"])
def test_every_login_shell_runs_the_same_script(pair: Fleet, ssh: Ssh, shell: str) -> None:
    pair["inner"].add_user("ops", shell)
    with connect(Host("inner", user="ops"), ssh, Silent()) as session:
        text = "printf '%s\\n' 'it'\\''s \\\\ $HOME' \"a\\\\b\" && cat\n"
        assert session.run(Script("x", text), stdin=[b"and data"]).lines == ["it's \\\\ $HOME", "a\\b", "and data"]


def test_all_hosts_errors_are_collected(pair: Fleet, ssh: Ssh) -> None:
    hosts = [Host("inner"), Host("gone", address="192.0.2.1"), Host("inner", user="nobody")]
    short = Ssh(config=ssh.config, known_hosts=(pair.known_hosts,), connect_timeout=1)
    outcomes = each(hosts, lambda host: hello(host, short), name=lambda host: host.name, limit=8)
    assert outcomes[0].get() == "inner"
    with pytest.raises(FleetError) as caught:
        raise_failures(outcomes)
    assert "gone" in caught.value.message
    assert "does not let us in" in caught.value.message
    assert caught.value.code == 69


def test_an_sshd_that_dies_in_the_middle_leaves_an_unknown_outcome(pair: Fleet, ssh: Ssh) -> None:
    with connect(Host("inner"), ssh, Silent()) as session:
        threading.Timer(0.5, lambda: pair["inner"].shell("pkill -KILL sshd")).start()
        began = time.monotonic()
        with pytest.raises(DeadlineError, match="connection was lost"):
            session.run(Script("x", "sleep 30\n"))
        assert time.monotonic() - began < 10


def test_a_host_that_falls_silent_in_the_middle_is_given_up_long_before_the_deadline(pair: Fleet, ssh: Ssh) -> None:
    with connect(Host("inner"), replace(ssh, silence=2), Silent()) as session, ExitStack() as later:
        began = time.monotonic()
        script = Script("x", "echo up; sleep 60\n")
        with pytest.raises(DeadlineError, match="connection was lost"):
            session.run(script, deadline=3600, stdout=lambda _: later.enter_context(pair["inner"].silent()))
        assert 1 < time.monotonic() - began < 15


def test_twenty_logins_at_once_pass_an_sshd_that_drops_some(ssh: Ssh) -> None:
    hosts = [Host("inner") for _ in range(20)]
    outcomes = each(hosts, lambda host: hello(host, ssh), name=lambda host: host.name, limit=20)
    assert values(outcomes) == ["inner"] * 20


def _any_key(pair: Fleet) -> str:
    return " ".join(pair.known_hosts.read_text().split()[1:3])
