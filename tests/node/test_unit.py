from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from deliver.config.schema import Environment, Host, Service
from deliver.errors import ConfigError, NodeError
from deliver.node.facts import Facts
from deliver.node.unit import MARK, install, text
from deliver.otp.release import Target
from deliver.remote.local import LocalSession
from deliver.report import Silent

FACTS = Facts(
    host="prod1",
    root="/srv/my apps/demo",
    exists=True,
    target=Target("linux", "x86_64", "glibc"),
    user="deploy",
    home="/home/deploy",
    free=0,
    free_inodes=-1,
    tools=frozenset(),
    permanent="0.1.0",
    style="mix",
)


def environment(scope: str = "system", **service: str) -> Environment:
    host = Host("prod1", path="/srv/my apps")
    kept = Service(kind="systemd", scope="user" if scope == "user" else "system", **service)  # type: ignore[arg-type]
    return Environment("production", (host,), kept, stop_timeout=42.5)


def test_a_system_unit_runs_the_release_in_the_foreground_as_its_user() -> None:
    assert (
        text("demo", environment(), FACTS)
        == f"""\
{MARK}
[Unit]
Description=demo
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
User=deploy
WorkingDirectory=/srv/my apps/demo
EnvironmentFile=/srv/my apps/demo/.deliver/environment
ExecStart="/srv/my apps/demo/bin/demo" start
Restart=on-failure
RestartSec=2
KillMode=mixed
TimeoutStopSec=43

[Install]
WantedBy=multi-user.target
"""
    )


def test_a_user_unit_has_no_user_and_another_target() -> None:
    found = text("demo", environment("user"), FACTS)

    assert "User=" not in found
    assert "WantedBy=default.target" in found


def test_relx_says_foreground() -> None:
    assert 'bin/demo" foreground\n' in text("demo", environment(), replace(FACTS, style="relx"))


def test_what_systemd_would_expand_is_quoted() -> None:
    found = text("demo", environment(), replace(FACTS, root='/srv/50% "$HOME"/demo'))

    assert 'ExecStart="/srv/50%% \\"$$HOME\\"/demo/bin/demo" start' in found
    assert 'WorkingDirectory=/srv/50%% "$HOME"/demo' in found


def test_without_a_version_to_start_nobody_knows_what_to_write() -> None:
    with pytest.raises(NodeError, match="the unit cannot be written yet"):
        text("demo", environment(), replace(FACTS, style=""))


def test_another_kind_of_service_has_no_unit() -> None:
    plain = Environment("production", (Host("prod1"),))

    with pytest.raises(ConfigError, match="not 'systemd'"):
        install(LocalSession("prod1", Silent()), plain.hosts[0], plain, "demo", FACTS)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("scope", ["system", "user"])
def test_systemd_finds_nothing_wrong_with_it(scope: str, tmp_path: Path) -> None:
    program = tmp_path / "my 100% apps" / "bin" / "demo"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    unit = tmp_path / "demo.service"
    user = subprocess.run(["id", "-un"], check=True, capture_output=True, text=True).stdout.strip()
    root = str(program.parent.parent)
    unit.write_text(text("demo", environment(scope), replace(FACTS, root=root, user=user)))
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)

    done = subprocess.run(
        ["systemd-analyze", f"--{scope}", "--man=no", "verify", str(unit)],
        env={**os.environ, "XDG_RUNTIME_DIR": str(runtime)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "demo.service" not in done.stderr
    assert done.returncode == 0, done.stderr
