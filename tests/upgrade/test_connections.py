"""A server with a thousand open connections is upgraded and taken back, and none of them notices."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.apps import make_repository
from tests.hosts import Fleet
from tests.upgrade.callers import Callers

pytestmark = [pytest.mark.hosts, pytest.mark.slow]

CONNECTIONS = 1000
CONFIG = """app = "hotline"
[ssh]
config = "{ssh_config}"
[build.host]
name = "build1"
path = "/srv/builds"
[upgrade]
probation = "0s"
[rehearsal.env]
[environments.production]
path = "/srv"
hosts = ["prod1"]
rolling = {{ min_healthy = 0 }}
"""


def test_a_thousand_connections_are_kept(tmp_path: Path, fleet: Fleet) -> None:
    repository = make_repository(tmp_path / "hotline", "hotline").path
    (repository / "deliver.toml").write_text(CONFIG.format(ssh_config=fleet.ssh_config))

    def deliver(*words: str) -> str:
        line = [str(Path(sys.executable).with_name("deliver")), *words]
        done = subprocess.run(line, cwd=repository, check=False, text=True, capture_output=True, input="")
        assert done.returncode == 0, done.stderr
        return done.stderr

    deliver("build-upgrade", "--from", "0.1.0", "--to", "0.2.0")
    deliver("deploy-release", "--version", "0.1.0", "--to", "production", "--start")
    callers = Callers(fleet["prod1"].address, 4200, CONNECTIONS)
    try:
        assert callers.round() == {"1": CONNECTIONS}
        assert "upgraded from 0.1.0 to 0.2.0" in deliver("deploy-upgrade", "--version", "0.2.0", "--to", "production")
        assert callers.round() == {"2 7": CONNECTIONS}
        assert "downgraded from 0.2.0 to 0.1.0" in deliver("rollback", "--on", "production", "--yes")
        assert callers.round() == {"3": CONNECTIONS}
    finally:
        callers.close()
