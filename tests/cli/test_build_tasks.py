"""The task that builds, as it is typed."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.apps.repository import Repository, make_repository
from tests.cli.conftest import Cli

pytestmark = pytest.mark.slow


@pytest.fixture
def repository(project: Path) -> Repository:
    """A project with two versions of an application, built on this machine."""
    made = make_repository(project / "clone", "bell")
    path = project / "builds"
    (project / "deliver.toml").write_text(
        f'app = "bell"\nrepository = "clone"\n[build.host]\nname = "local"\npath = "{path}"\n'
    )
    return made


def test_a_build_tells_its_steps_and_what_it_made(deliver: Cli, repository: Repository) -> None:
    done = deliver("build-release", "--tag", "0.1.0")
    assert done.returncode == 0, done.stderr
    assert "local  compiling" in done.stderr
    assert "bell 0.1.0" in done.stderr + done.stdout
    assert repository.commit_of("v0.1.0")[:12] in done.stderr + done.stdout


def test_json_has_the_record_and_a_second_time_is_quick(deliver: Cli, repository: Repository) -> None:
    first = json.loads(deliver("build-release", "--json").stdout)
    assert (first["version"], first["tag"], first["new"], first["built"]) == ("0.2.0", "v0.2.0", True, True)
    assert first["commit"] == repository.commit_of("v0.2.0")
    assert first["new_bytes"] < first["size"]
    assert first["steps"]["compile"] > 0
    began = time.monotonic()
    again = json.loads(deliver("build-release", "--json").stdout)
    assert time.monotonic() - began < 3
    assert (again["new"], again["built"], again["manifest"]) == (False, False, first["manifest"])


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--tag", "9.9.9"], 64, "there is no tag '9.9.9'"),
        (["--tag", "0.1.0", "--branch", "main"], 64, "exclude one another"),
        (["--set", "build.hooks.after_deps=exit 3"], 1, "the step after_deps failed with status 3"),
        (["--set", "build.toolchain=command"], 78, "needs command and output"),
    ],
)
def test_failures_have_their_exit_codes(
    deliver: Cli, repository: Repository, options: list[str], code: int, told: str
) -> None:
    assert repository.path.is_dir()
    done = deliver("build-release", *options)
    assert (done.returncode, told in done.stderr) == (code, True), done.stderr
