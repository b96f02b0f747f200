from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.build.workshop import Workshop
from tests.ship.bench import Bench


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """The counter, built twice."""
    workshop = Workshop.make(tmp_path_factory.mktemp("workshop"), "counter")
    workshop.build(tag="v0.1.0")
    workshop.build(tag="v0.2.0")
    return workshop


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture(params=["dash", "busybox"])
def shell(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The shell that runs scripts; under `busybox`, nothing else is there."""
    name: str = request.param
    tools = tmp_path / "tools"
    tools.mkdir()
    busybox = shutil.which("busybox")
    if name == "busybox" and busybox is not None:
        subprocess.run([busybox, "--install", "-s", str(tools)], check=True)
        monkeypatch.setenv("PATH", str(tools))
    else:
        (tools / "sh").symlink_to(shutil.which(name) or name)
        monkeypatch.setenv("PATH", f"{tools}:/usr/sbin:/usr/bin:/sbin:/bin")
    return name
