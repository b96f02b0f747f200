"""What the host does for an upgrade: takes the pair, computes a version's configuration, makes it what boots."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deliver.errors import LockedError, NodeError, RemoteError
from deliver.node import upgrade
from deliver.node.agent import Agent
from deliver.secret import Secret
from tests.node.releases import COOKIE, Installed, command_lines, installed
from tests.node.trial import compile_agent
from tests.node.two_releases import build_two
from tests.store.samples import record

pytestmark = pytest.mark.slow

#: In the environment of the node.
HIDDEN = "value_that_nobody_sees"


@pytest.fixture(scope="session")
def duo_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_two(tmp_path_factory.mktemp("duo"))


@pytest.fixture
def duo(duo_release: Path, tmp_path: Path, node: str) -> Iterator[Installed]:
    """Both versions installed; the node is down."""
    with installed(duo_release, tmp_path / "srv of duo", node) as found:
        (found.root / "releases" / "COOKIE").write_text(COOKIE)
        found.give(DUO_SECRET=Secret(HIDDEN))
        yield found


def packed(**files: bytes) -> list[bytes]:
    """Return a tar of these files; a double underscore stands for the dot."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name.replace("__", "."))
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return [out.getvalue()]


def put(release: Installed, *content: bytes) -> None:
    upgrade.put(release.session, str(release.root), "0.1.0..0.2.0", "0.2.0", content, 0)


def resolved(release: Installed, version: str = "0.2.0") -> Path:
    return release.root / ".deliver" / "upgrades" / "resolved" / f"{version}.etf"


def read(file: Path, how: str = "~p") -> str:
    """Return a file of an Erlang term as `~p` prints it."""
    code = f'{{ok, Data}} = file:read_file(os:getenv("FILE")), io:format("{how}", [binary_to_term(Data)]), halt().'
    environment = {**os.environ, "FILE": str(file)}
    command = ["erl", "-noinput", "-boot", "no_dot_erlang", "-eval", code]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def resolve(release: Installed, inline: dict[str, str] | None = None, version: str = "0.2.0") -> bool:
    return upgrade.resolve(release.session, release.host, release.app, version, inline or {})


def test_the_files_of_a_pair_are_kept_and_the_relup_stands_beside_its_release(duo: Installed) -> None:
    put(duo, *packed(relup=b"old", left_over=b"x"))
    put(duo, *packed(relup=b"new", deliver_relup__beam=b"beam", deliver_node__beam=b"agent"))

    place = duo.root / ".deliver" / "upgrades" / "0.1.0..0.2.0"
    assert sorted(file.name for file in place.iterdir()) == ["deliver_node.beam", "deliver_relup.beam", "relup"]
    assert (duo.root / "releases" / "0.2.0" / "relup").read_bytes() == b"new"
    assert (duo.root / "releases" / "0.2.0" / "deliver_relup.beam").read_bytes() == b"beam"
    assert not list((duo.root / ".deliver" / "incoming").iterdir())
    assert '"action":"upgrade","version":"0.1.0..0.2.0","outcome":"prepared"' in duo.journal()


def test_files_that_do_not_arrive_whole_change_nothing(duo: Installed) -> None:
    put(duo, *packed(relup=b"whole"))

    with pytest.raises(RemoteError, match="did not arrive whole"):
        put(duo, packed(relup=b"new" * 2000)[0][:1500])
    with pytest.raises(RemoteError, match="relup is missing"):
        put(duo, *packed(other=b"new"))

    assert (duo.root / ".deliver" / "upgrades" / "0.1.0..0.2.0" / "relup").read_bytes() == b"whole"
    assert (duo.root / "releases" / "0.2.0" / "relup").read_bytes() == b"whole"
    assert not list((duo.root / ".deliver" / "incoming").iterdir())


def test_a_pair_to_a_version_that_is_not_installed_is_refused(duo: Installed) -> None:
    with pytest.raises(RemoteError, match=r"version 9\.9\.9 is not installed"):
        upgrade.put(duo.session, str(duo.root), "0.1.0..9.9.9", "9.9.9", packed(relup=b""), 0)


def test_nobody_puts_a_pair_while_somebody_else_works_on_the_host(duo: Installed) -> None:
    lock = duo.root / ".deliver" / "lock"
    (lock / "owner.1.1.1.elsewhere").mkdir(parents=True)
    (lock / "holder").write_text('{"who": "ann", "host": "laptop"}')

    with pytest.raises(LockedError, match="ann@laptop"):
        put(duo, *packed(relup=b"new"))
    assert not (duo.root / "releases" / "0.2.0" / "relup").exists()


def test_configuration_is_computed_with_the_environment_of_the_node(duo: Installed) -> None:
    duo.start()
    duo.give(DUO_SECRET=Secret("another one"))

    assert resolve(duo)

    found = read(resolved(duo))
    assert f'{{secret,<<"{HIDDEN}">>}}' in found
    assert '{at_boot,<<"0.2.0">>}' in found
    assert "config_provider" not in found
    assert "only_old" not in found


@pytest.mark.parametrize("value", ["two\nlines\n", "'\"`id` $HOME \\ ;", "größe", " "])
def test_any_value_of_the_environment_reaches_the_providers_as_it_is(duo: Installed, value: str) -> None:
    duo.give(DUO_SECRET=value, version="0.1.0", private="/", said="x")
    duo.start()

    assert resolve(duo)

    assert f"{{secret,<<{','.join(str(byte) for byte in value.encode())}>>}}" in read(resolved(duo), "~w")


def test_nobody_else_can_read_what_was_computed_and_nothing_is_left_of_it(duo: Installed) -> None:
    duo.start()
    before = set(duo.root.rglob("*"))
    stop = threading.Event()
    seen: list[bytes] = []

    def watch() -> None:
        while not stop.is_set():
            seen.extend(words for _, words in command_lines() if HIDDEN.encode() in words)
            time.sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        assert resolve(duo)
    finally:
        stop.set()
        watcher.join()

    assert not seen
    assert resolved(duo).stat().st_mode & 0o777 == 0o600
    assert resolved(duo).parent.stat().st_mode & 0o777 == 0o700
    assert HIDDEN not in "".join(duo.heard.everything)
    upgrade.clear(duo.session, str(duo.root))
    assert {path for path in set(duo.root.rglob("*")) - before if path.is_file() and ".deliver" in path.parts} == set()


def test_children_are_told_and_nothing_of_the_application_starts(duo: Installed) -> None:
    duo.give(DUO_BROKEN="yes")  # 0.2.0 has a child then that could not start
    duo.start()

    assert resolve(duo, {"duo": "Elixir.Duo.Supervisor"})

    found = "".join(read(resolved(duo)).split())
    assert "#{intensity=>7,period=>5,strategy=>one_for_one}" in found
    assert "#{id=>broken,start=>{'Elixir.Duo.Cell',start_link,[failing]}}" in found


def test_a_supervisor_that_has_no_name_is_what_the_application_starts_with(duo: Installed) -> None:
    duo.start()

    assert resolve(duo, {"duo": ""})
    assert "intensity => 7" in read(resolved(duo))


def test_what_a_provider_says_when_it_fails_is_told_without_secrets(duo: Installed) -> None:
    duo.start()
    runtime = duo.root / "releases" / "0.2.0" / "runtime.exs"
    runtime.write_text('raise "no good: #{System.get_env("DUO_SECRET")}"\n')

    with pytest.raises(NodeError, match=r"configuration of 0\.2\.0 cannot be computed.*no good: \*\*\*") as caught:
        resolve(duo)
    assert HIDDEN not in "".join([str(caught.value), *duo.heard.everything])
    assert not resolved(duo).exists()


def test_nothing_is_computed_for_a_node_that_does_not_run(duo: Installed) -> None:
    with pytest.raises(NodeError, match="the node does not run"):
        resolve(duo)


def test_heart_of_env_sh_does_not_reach_the_virtual_machine_that_computes(duo: Installed) -> None:
    duo.start()
    mark = duo.root / "heart-was-here"
    with (duo.root / "releases" / "0.2.0" / "env.sh").open("a") as file:
        file.write(f'export ELIXIR_ERL_OPTIONS="-heart" HEART_COMMAND="touch \'{mark}\'"\n')
    with (duo.root / "releases" / "0.2.0" / "vm.args").open("a") as file:
        file.write(f"-heart\n-sname {duo.host.node}\n")

    assert resolve(duo)
    assert not mark.exists()


def test_a_template_of_relx_is_filled_in_as_the_start_would(relx: Installed) -> None:
    relx.give(BELL_WORD=Secret("ding & dong"))
    relx.start()
    version = relx.root / "releases" / "0.1.0"
    (version / "sys.config.src").write_text(
        '[{bell, [{w, "${BELL_WORD}"}, {p, ${BELL_NONE:-7}}, {e, "${BELL_NONE}"}]}].'
    )

    assert not resolve(relx, version="0.1.0")

    config = version / "sys.config"
    assert config.read_text() == '[{bell, [{w, "ding & dong"}, {p, 7}, {e, ""}]}].\n'
    assert config.stat().st_mode & 0o777 == 0o600


def test_a_release_without_providers_needs_nothing(duo: Installed) -> None:
    duo.start()
    resolve(duo)
    (duo.root / "releases" / "0.2.0" / "sys.config").write_text("[].\n")

    assert not resolve(duo)
    assert not resolved(duo).exists()


def test_what_the_node_made_permanent_is_what_the_host_starts(duo: Installed, tmp_path: Path) -> None:
    duo.start()
    agent = Agent(duo.session, duo.host, duo.app, str(compile_agent(tmp_path)))
    agent.adopt(str(duo.root))
    data = duo.root / "releases" / "start_erl.data"
    data.write_text("13.1.5 0.2.0")

    assert upgrade.commit(agent, str(duo.root), record("0.1.0", "duo"), 0) == []

    assert data.read_text() == "13.1.5 0.1.0\n"
    assert '"0.1.0","13.1.5",[],permanent}' in (duo.root / "releases" / "RELEASES").read_text()
    assert '"action":"commit","version":"0.1.0","outcome":"ok"' in duo.journal()


def test_what_the_node_did_not_make_permanent_is_not_what_the_host_starts(duo: Installed, tmp_path: Path) -> None:
    duo.start()
    agent = Agent(duo.session, duo.host, duo.app, str(compile_agent(tmp_path)))
    before = [(duo.root / "releases" / name).read_text() for name in ("start_erl.data", "RELEASES")]

    with pytest.raises(NodeError, match=r"does not make 0\.2\.0 permanent"):
        upgrade.commit(agent, str(duo.root), record("0.2.0", "duo"), 0)

    assert [(duo.root / "releases" / name).read_text() for name in ("start_erl.data", "RELEASES")] == before
    assert not (duo.root / ".deliver" / "upgrades" / "kept").exists()
    assert '"action":"commit","version":"0.2.0","outcome":"failed"' in duo.journal()
