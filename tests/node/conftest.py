from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from deliver.secret import Secret
from tests.node.releases import COOKIE, Installed, build_mix, build_relx, installed
from tests.ports import free_port

_numbers = itertools.count(1)


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
    return free_port()


@pytest.fixture
def mix(mix_release: Path, tmp_path: Path, node: str, port: int) -> Iterator[Installed]:
    """The mix application, installed and down."""
    with installed(mix_release, tmp_path / "srv of mix", node) as found:
        (found.root / "releases" / "COOKIE").write_text(COOKIE)
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
        found.give(COOKIE=Secret(COOKIE))
        yield found


@pytest.fixture(params=["mix", "relx"])
def release(request: pytest.FixtureRequest) -> Installed:
    """Either application."""
    found: Installed = request.getfixturevalue(request.param)
    return found
