"""What a release directory holds, as `payload/collect.sh` says it under several shells, and how contents arrive."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from deliver.build.collect import Intake, found, manifest
from deliver.errors import BuildError, DeadlineError
from deliver.otp.manifest import Entry
from deliver.remote.script import payload, script

if TYPE_CHECKING:
    from deliver.store.store import Writer

REL = '{release,{"demo","1.0.0"},{erts,"13.0"},[{kernel,"8.5"},{demo,"1.0.0",load}]}.\n'


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A release without ERTS, with everything in it that makes names and modes hard."""
    root = tmp_path / "a tree"
    files = {
        "bin/demo": "#!/bin/sh\n",
        "releases/1.0.0/demo.rel": REL,
        "releases/1.0.0/start.script": "%% script generated at {2024,1,1} {12,0,0}\n{script,{}}.\n",
        "releases/COOKIE": "hush",
        "releases/RELEASES": "[].",
        "releases/start_erl.data": "13.0 1.0.0",
        "log/erlang.log": "x",
        "tmp/x": "x",
        "lib/demo-1.0.0/priv/größe -> $x 'q'.txt": "",
        "lib/demo-1.0.0/priv/back\\slash": "b",
        "lib/demo-1.0.0/priv/-n": "n",
        "lib/demo-1.0.0/priv/nif.so": "\x7fELF\0GLIBC_2.2.5\0GLIBC_2.17\0GLIBC_2.4\0GLIBC_PRIVATE\0",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "bin/demo").chmod(0o755)
    (root / "lib/demo-1.0.0/priv/link to").symlink_to("../priv/nif.so")
    return root


@pytest.fixture(params=["dash", "busybox"])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[list[str], dict[str, str]]:
    """A shell and its environment; under `busybox`, all tools but Erlang's are busybox's."""
    if request.param == "dash":
        return ["dash"], {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    tools = tmp_path / "tools"
    tools.mkdir()
    subprocess.run(["busybox", "--install", "-s", str(tools)], check=True)
    escript = shutil.which("escript")
    (tools / "escript").write_text(f'#!{tools}/sh\nPATH=/usr/bin:/bin exec {escript} "$@"\n')
    (tools / "escript").chmod(0o755)
    return [str(tools / "sh")], {"PATH": str(tools)}


def collected(shell: tuple[list[str], dict[str, str]], tree: Path) -> subprocess.CompletedProcess[bytes]:
    argv, environment = shell
    arguments = {"directory": str(tree), "inspect_escript": payload("inspect.escript")}
    body = script("collect.sh", arguments).text + 'collect "$directory"\n'
    text = "deadline=60\nlifeline=no\n" + payload("prelude.sh") + body
    return subprocess.run(
        [*argv, "-c", text], capture_output=True, check=False, env={**environment, "HOME": "/"}, start_new_session=True
    )


def lines(output: bytes) -> Iterable[tuple[str, list[str]]]:
    for line in output.decode("utf-8", "surrogateescape").split("\n")[:-1]:
        key, *values = line.split("\t")
        yield key, values


def test_everything_is_said_of_a_release(shell: tuple[list[str], dict[str, str]], tree: Path) -> None:
    done = collected(shell, tree)
    assert done.returncode == 0, done.stderr
    release = found(lines(done.stdout))
    assert (release.name, release.version, release.kind, release.includes_erts) == ("demo", "1.0.0", "command", False)
    assert [(one.name, one.type) for one in release.applications] == [("kernel", "permanent"), ("demo", "load")]
    assert (release.target.erts, release.target.libc_version) == ("13.0", "2.17")
    assert set(release.manifest.by_path) == {
        "bin/demo",
        "releases/1.0.0/demo.rel",
        "releases/1.0.0/start.script",
        "lib/demo-1.0.0/priv/größe -> $x 'q'.txt",
        "lib/demo-1.0.0/priv/back\\slash",
        "lib/demo-1.0.0/priv/-n",
        "lib/demo-1.0.0/priv/nif.so",
        "lib/demo-1.0.0/priv/link to",
    }
    entry = release.manifest.by_path["bin/demo"]
    assert (entry.mode, entry.size, entry.sha256) == (0o755, 10, hashlib.sha256(b"#!/bin/sh\n").hexdigest())
    assert release.manifest.by_path["lib/demo-1.0.0/priv/link to"].target == "../priv/nif.so"
    assert (tree / "releases/1.0.0/start.script").read_text() == "{script,{}}.\n"
    assert not (tree / "releases/COOKIE").exists()


@pytest.mark.parametrize(
    ("target", "is_refused"),
    [("../../outside", True), ("/etc/passwd", True), ("../bin/demo", False), ("gone", False), ("..", False)],
)
def test_links_may_only_lead_inside(
    shell: tuple[list[str], dict[str, str]], tree: Path, target: str, *, is_refused: bool
) -> None:
    (tree.parent / "outside").mkdir(exist_ok=True)
    (tree / "bin/link").symlink_to(target)
    done = collected(shell, tree)
    assert (b"refused\tlink" in done.stdout) == is_refused
    assert (done.returncode == 1) == is_refused


@pytest.mark.parametrize("name", ["a\nb", "a\tb", "a\x01b"])
def test_control_characters_in_names_are_refused(
    shell: tuple[list[str], dict[str, str]], tree: Path, name: str
) -> None:
    (tree / name).touch()
    done = collected(shell, tree)
    assert done.returncode == 1
    assert done.stdout.startswith(b"refused\tname\t")


def test_a_directory_without_a_release_is_told_in_erlangs_words(
    shell: tuple[list[str], dict[str, str]], tree: Path
) -> None:
    (tree / "releases/1.0.0/demo.rel").unlink()
    done = collected(shell, tree)
    assert done.stdout.splitlines()[-1].startswith(b"refused\trelease\tthere is no release in")


def test_half_of_what_a_host_says_is_not_enough() -> None:
    with pytest.raises(BuildError, match="did not say"):
        found([("facts", ['{"name": "x"}'])])


def test_hashes_of_escaped_names_are_found_again() -> None:
    said = {"file": [["644", "1", "./a\\b"]], "sum": [["\\" + "0" * 64 + "  ./a\\\\b"]]}
    assert manifest(said).entries == (Entry("a\\b", "file", 0o644, 1, "0" * 64),)


class Shelf:
    """Stands where a store's writer does, and keeps what it is given."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def add(self, sha256: str, chunks: Iterable[bytes]) -> int:
        self.kept[sha256] = b"".join(chunks)
        return 1


def intake(contents: list[bytes], compression: str) -> tuple[Intake, Shelf]:
    shelf = Shelf()
    entries = [Entry(f"f{n}", "file", 0o644, len(data), str(n)) for n, data in enumerate(contents)]
    return Intake(entries, cast("Writer", shelf), compression), shelf


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


@given(
    contents=st.lists(st.binary(max_size=40), max_size=8),
    step=st.integers(1, 50),
    compression=st.sampled_from(sorted(COMPRESS)),
)
def test_contents_are_divided_rightly_however_they_come(contents: list[bytes], step: int, compression: str) -> None:
    taker, shelf = intake(contents, compression)
    stream = COMPRESS[compression](b"".join(contents))
    for at in range(0, len(stream), step):
        taker.take(stream[at : at + step])
    taker.end("build1")
    assert shelf.kept == {str(n): data for n, data in enumerate(contents)}
    assert taker.new_bytes == len(contents)


def test_a_stream_that_ends_early_is_said() -> None:
    taker, _ = intake([b"abc", b"def"], "none")
    taker.take(b"abcd")
    with pytest.raises(DeadlineError, match="f1 is missing"):
        taker.end("build1")


def test_inspect_compiles_without_a_warning(tmp_path: Path) -> None:
    text = payload("inspect.escript").split("\n", 1)[1].replace("-mode(compile).", "")
    module = tmp_path / "inspect_release.erl"
    module.write_text("-module(inspect_release).\n-export([main/1]).\n" + text)
    subprocess.run(["erlc", "-Wall", "-Werror", "-o", str(tmp_path), str(module)], check=True)


class TestInspect:
    def run(self, tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        program = tree.parent / "inspect.escript"
        program.write_text(payload("inspect.escript"))
        return subprocess.run(
            ["escript", str(program), str(tree), *arguments], capture_output=True, text=True, check=False
        )

    def test_of_several_versions_start_erl_data_or_the_caller_says_which(self, tree: Path) -> None:
        other = tree / "releases/2.0.0/demo.rel"
        other.parent.mkdir()
        other.write_text(REL.replace('"demo","1.0.0"}', '"demo","2.0.0"}'))
        assert json.loads(self.run(tree).stdout)["version"] == "1.0.0"
        assert json.loads(self.run(tree, "2.0.0").stdout)["version"] == "2.0.0"
        (tree / "releases/start_erl.data").unlink()
        assert "several releases" in self.run(tree).stderr

    def test_boot_files_with_a_rel_of_their_own_do_not_count(self, tree: Path) -> None:
        clean = tree / "releases/1.0.0/start_clean.rel"
        clean.write_text('{release,{"start_clean","1.0.0"},{erts,"13.0"},[]}.')
        (tree / "releases/demo.rel").write_text(REL)
        assert json.loads(self.run(tree).stdout)["name"] == "demo"

    def test_a_release_with_erts_must_have_its_applications(self, tree: Path) -> None:
        (tree / "erts-13.0/bin").mkdir(parents=True)
        done = self.run(tree)
        assert done.returncode == 1
        assert "the release lists kernel 8.5, and has no " in done.stderr

    def test_a_damaged_rel_file_is_no_release(self, tree: Path) -> None:
        (tree / "releases/1.0.0/demo.rel").write_text("{release,")
        assert "there is no release" in self.run(tree).stderr
