"""What `scripts/test` and its kin stand on."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def lint(path: Path, text: str) -> tuple[int, str]:
    path.write_text(text)
    line = ["escript", str(ROOT / "scripts/lint.escript"), str(path)]
    done = subprocess.run(line, check=False, text=True, capture_output=True)
    return done.returncode, done.stdout.replace(str(path), path.name)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.exprs", "%% Nothing.\nA = 1,\nA + B.\n", "a.exprs:3: variable 'B' is unbound\n"),
        ("a.exprs", "A = = 1.\n", "a.exprs:1: syntax error before: '='\n"),
        ("a.escript", "#!/usr/bin/env escript\nmain(_) -> X = 1, ok.\n", "a.escript:2:12: variable 'X' is unused\n"),
        ("a.escript", "#!/usr/bin/env escript\nmain(_) -> other().\n", "a.escript:2:12: function other/0 undefined\n"),
    ],
)
def test_erlang_that_is_wrong_or_careless_is_told_with_its_line(
    tmp_path: Path, name: str, text: str, told: str
) -> None:
    assert lint(tmp_path / name, text) == (1, told)


def test_what_a_comment_says_is_bound_before_is_bound(tmp_path: Path) -> None:
    text = "%% Adds. Bound before: Left (a number), Right.\nLeft + Right.\n"
    assert lint(tmp_path / "a.exprs", text) == (0, "")


def in_lib(script: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run sh text after scripts/lib.sh on a machine that has only a few tools and lets nobody become root."""
    for tool in ("id", "sort", "tr", "sh"):
        (tmp_path / tool).symlink_to(Path("/usr/bin") / tool)
    text = f"id() {{ echo 1000; }}\n. {ROOT}/scripts/lib.sh\n{script}"
    line = ["/bin/sh", "-euc", text, "scripts/test"]
    return subprocess.run(line, env={"PATH": str(tmp_path)}, check=False, text=True, capture_output=True)


def test_a_machine_that_lacks_tools_is_told_exactly_what_to_install(tmp_path: Path) -> None:
    done = in_lib("need git ip gcc", tmp_path)
    assert done.returncode == 69
    assert done.stderr == "test: this machine lacks packages; as root: apt-get install gcc git iproute2 libc6-dev \n"


def test_a_machine_that_lacks_nothing_is_told_nothing(tmp_path: Path) -> None:
    (tmp_path / "git").symlink_to("/usr/bin/git")
    done = in_lib("need git", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_lock_pins_every_requirement_by_hash_and_names_no_registry() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pins = [line for line in lock.splitlines() if line and line[0] not in "# "]
    assert all(re.match(r"[a-z0-9-]+==[^ ]+( ;.*)? \\$", pin) for pin in pins)
    assert lock.count("\n    --hash=sha256:") >= len(pins)
    assert "://" not in lock


def test_the_lock_has_all_that_the_project_asks_for() -> None:
    names = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    project = (ROOT / "pyproject.toml").read_text()
    asked = set(re.findall(r'^  "([a-z0-9-]+)>=', project, re.MULTILINE)) | {"hatchling"}
    assert asked - names == set()
