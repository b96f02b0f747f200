from __future__ import annotations

import itertools
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deliver.secret import Secret
from tests.node.releases import Installed, build_mix, build_relx, eventually, installed

_numbers = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def epmd() -> Iterator[None]:
    """The machine's port mapper: without one, the first node starts that of its release, which outlives the node."""
    if _epmd("-names"):
        yield
        return
    _epmd("-daemon")
    eventually(lambda: _epmd("-names"))
    yield
    _epmd("-kill")  # it refuses while it knows a node, which then is not ours


def _epmd(option: str) -> bool:
    return subprocess.run(["epmd", option], check=False, capture_output=True).returncode == 0


@pytest.fixture(scope="session")
def mix_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_mix(tmp_path_factory.mktemp("mix") / "counter")


@pytest.fixture(scope="session")
def relx_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_relx(tmp_path_factory.mktemp("relx") / "bell")


@pytest.fixture
def node() -> str:
    """A node name that nobody else on this machine has."""
    return f"deliver_test_{os.getpid()}_{next(_numbers)}"


@pytest.fixture
def port() -> int:
    """A TCP port that is free."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def mix(mix_release: Path, tmp_path: Path, node: str, port: int) -> Iterator[Installed]:
    """The mix application, installed and down."""
    with installed(mix_release, tmp_path / "srv of mix", node) as found:
        (found.root / "releases" / "COOKIE").write_text("a_cookie_for_tests")
        found.give(PORT=str(port))
        yield found


@pytest.fixture
def relx(relx_release: Path, tmp_path: Path, node: str, port: int) -> Iterator[Installed]:
    """The rebar3 application, installed and down; its name and its cookie come from the environment."""
    with installed(relx_release, tmp_path / "srv of relx", node) as found:
        version = found.root / "releases" / "0.1.0"
        (version / "vm.args").rename(version / "vm.args.src")
        (version / "vm.args.src").write_text("-sname ${NODE_NAME}\n-setcookie ${COOKIE}\n+Bd\n")
        (version / "sys.config").write_text(f"[{{bell, [{{port, {port}}}]}}].\n")
        found.give(COOKIE=Secret("a_cookie_for_tests"))
        yield found


@pytest.fixture(params=["mix", "relx"])
def release(request: pytest.FixtureRequest) -> Installed:
    """Either application."""
    found: Installed = request.getfixturevalue(request.param)
    return found
