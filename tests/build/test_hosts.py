"""Building on a host that is reached by SSH."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from deliver.config.schema import Hooks, Host, Ssh
from deliver.errors import BuildError, HostKeyError
from tests.apps.repository import make_repository
from tests.build.workshop import Workshop
from tests.hosts import Fleet

pytestmark = [pytest.mark.slow, pytest.mark.hosts]

PATH = "/srv/our builds"
TOML = """
app = "counter"
repository = "{repository}"
[ssh]
config = "{ssh_config}"
[build.host]
name = "build1"
path = "/srv/our builds"
[build.hooks]
before_compile = "{hook}"
"""


@pytest.fixture
def make(fleet: Fleet, tmp_path: Path) -> Callable[..., Workshop]:
    def made(app: str, *, release: str = "") -> Workshop:
        workshop = Workshop.make(tmp_path, app, release=release)
        workshop.config = replace(workshop.config, ssh=Ssh(config=fleet.ssh_config))
        workshop.use(host=Host("build1", path=PATH))
        return workshop

    return made


def outputs(fleet: Fleet, app: str) -> str:
    return fleet["build1"].shell(f"ls '{PATH}/{app}/output'; ls -d '{PATH}/{app}/'*lock* 2>/dev/null || :")


@pytest.mark.parametrize("shell", ["/bin/bash", "/bin/dash", "/usr/bin/fish"])
def test_a_build_does_not_mind_the_login_shell(make: Callable[..., Workshop], fleet: Fleet, shell: str) -> None:
    fleet["build1"].set_shell("deploy", shell)
    counter = make("counter")
    first = counter.build(tag="0.1.0")
    second = counter.build(tag="0.2.0")
    assert (first.release.build_host, first.is_new, second.is_new) == ("build1", True, True)
    assert second.release.new_bytes < first.release.new_bytes / 50
    assert outputs(fleet, "counter") == ""


def test_a_release_arrives_as_it_was_built(make: Callable[..., Workshop], fleet: Fleet) -> None:
    thermo = make("thermo")
    thermo.use(hooks=Hooks(after_release='rm -rf /srv/kept && cp -a "$DELIVER_OUTPUT" /srv/kept'))
    release = thermo.build().release
    kept = fleet["build1"].path("/srv/kept")
    for entry in thermo.store.manifest(release).entries:
        path = kept / entry.path
        if entry.kind == "file":
            assert path.read_bytes() == b"".join(thermo.store.read(entry.sha256))
            assert path.stat().st_mode & 0o7777 == entry.mode
    assert thermo.story.fetched[-1][0] == thermo.story.fetched[-1][1]
    assert not thermo.build(rebuild=True).is_new


def test_a_git_dependency_is_fetched_by_the_build_host(
    make: Callable[..., Workshop], fleet: Fleet, tmp_path: Path
) -> None:
    orders = make("orders")
    here = make_repository(tmp_path / "orders", "orders", library="file:///srv/git/ledger")
    fleet["build1"].put(tmp_path / "orders-ledger", "/srv/git/ledger")
    orders.config = replace(orders.config, repository=here.path)
    clean = orders.manifest()
    assert orders.manifest(rebuild=True) == clean
    assert "dependencies come from the cache" in orders.story.steps


def test_the_command_and_rebar3_toolchains_work_there_too(make: Callable[..., Workshop]) -> None:
    assert make("bell").build().release.kind == "rebar3"
    plain = make("plain")
    plain.use(command="make VERSION=$DELIVER_VERSION", output="out")
    assert plain.build().release.kind == "command"


def test_what_a_hook_leaves_running_ends_with_the_build(make: Callable[..., Workshop], fleet: Fleet) -> None:
    counter = make("counter")
    counter.use(hooks=Hooks(before_compile="sleep 4321 &"), timeout=60.0)
    assert counter.build().is_new
    assert not [line for line in fleet["build1"].processes() if "sleep 4321" in line]


def test_a_login_profile_that_finds_the_tools_is_asked_for(make: Callable[..., Workshop], fleet: Fleet) -> None:
    host = fleet["build1"]
    host.shell("mkdir -p ~/tools && cp /usr/bin/mix ~/tools/special-mix", user="deploy")
    host.shell("echo 'PATH=$PATH:$HOME/tools' >>~/.profile", user="deploy")
    counter = make("counter")
    counter.use(hooks=Hooks(before_deps="special-mix --version"))
    with pytest.raises(BuildError, match="before_deps failed with status 127"):
        counter.build()
    counter.use(login_profile=True)
    assert counter.build().is_new


def test_an_unknown_key_is_refused_before_anything_is_sent(make: Callable[..., Workshop], fleet: Fleet) -> None:
    counter = make("counter")
    fleet["build1"].replace_host_key()
    with pytest.raises(HostKeyError):
        counter.build()
    assert fleet["build1"].shell("ls /srv") == ""


def test_a_full_disk_fails_the_build_and_the_next_one_works(make: Callable[..., Workshop], fleet: Fleet) -> None:
    counter = make("counter")
    with fleet["build1"].small_disk("8m"), pytest.raises(BuildError, match=r"[Nn]o space left|enospc"):
        counter.build()
    assert counter.build().is_new


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=str)
def test_a_build_ends_with_its_operator(
    make: Callable[..., Workshop], fleet: Fleet, tmp_path: Path, how: signal.Signals
) -> None:
    host = fleet["build1"]
    counter = make("counter")
    hook = "touch /srv/reached; while [ ! -e /srv/go ]; do sleep 0.1; done"
    text = TOML.format(repository=counter.repository.path, ssh_config=fleet.ssh_config, hook=hook)
    (tmp_path / "deliver.toml").write_text(text)
    argv = [sys.executable, "-c", "from deliver.cli.program import main; main()", "build-release"]
    with subprocess.Popen(argv, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        wait_for(lambda: host.path("/srv/reached").exists())
        os.kill(child.pid, how)
    wait_for(lambda: not [line for line in host.processes() if "sleep 0.1" in line or "mix" in line])
    host.shell("touch /srv/go")
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert outputs(fleet, "counter") == ""


def wait_for(what: Callable[[], object], seconds: float = 30) -> None:
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.1)
