"""The command that deploys, as it is typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deliver.store.store import Store
from tests.ship.tree import keep, small

COMMAND = [sys.executable, "-c", "from deliver.cli.program import main; main()", "deploy-release"]


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A working directory with one environment, whose hosts are directories of this machine."""
    (tmp_path / "deliver.toml").write_text(f"""
app = "demo"
repository = "."
store = "store"
[environments.staging]
path = "{tmp_path}/srv"
[environments.staging.hosts.one]
address = "local"
roles = ["web"]
""")
    keep(Store(tmp_path / "store"), small(tmp_path / "tree", "0.1.0"), "0.1.0")
    return tmp_path


def typed(desk: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(
        [*COMMAND, *words], cwd=desk, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_table_on_stdout_tells_what_came_of_each_host(desk: Path) -> None:
    done = typed(desk, "--version", "0.1.0", "--to", "staging")
    assert done.returncode == 0, done.stderr
    heading, row = done.stdout.splitlines()
    assert heading.split("  ")[0] == "host"
    assert row.split()[:3] == ["one", "installed", "14"]
    assert "0.1.0 is on staging" in done.stderr


def test_json_tells_the_same_and_a_second_run_has_nothing_to_do(desk: Path) -> None:
    first = json.loads(typed(desk, "--version", "latest", "--to", "staging", "--role", "web", "--json").stdout)
    assert (first["version"], first["environment"]) == ("0.1.0", "staging")
    assert first["hosts"][0]["bytes"] > 0
    second = typed(desk, "--version", "latest", "--to", "staging")
    assert "nothing to do: 0.1.0 is on staging" in second.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--to", "staging"], "needs --version and --to"),
        (["--version", "0.1.0"], "needs --version and --to"),
        (["--version", "0.1.0", "--to", "stag"], "no environment is called 'stag'"),
        (["--version", "0.1.0", "--to", "staging", "--host", "on"], "staging has no host on"),
        (["--version", "0.1", "--to", "staging"], "0.1.0 (linux-x86_64-glibc)"),
        (["--version", "0.1.0", "--to", "staging", "--lock-wait", "long"], "--lock-wait needs a whole number"),
    ],
)
def test_what_is_typed_wrong_is_refused_before_any_host_is_asked(desk: Path, words: list[str], told: str) -> None:
    done = typed(desk, *words)
    assert done.returncode == 64
    assert told in done.stderr
    assert not (desk / "srv").exists()
