"""Archives that come from elsewhere: what is taken, what is left, what is refused."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deliver.errors import StoreError, UsageError
from deliver.otp.release import Target
from deliver.store.export import export
from deliver.store.importing import import_archive
from deliver.store.store import Store
from deliver.store.verify import verify
from tests.store.apps import run

REL = b'{release, {"demo", "0.1.0"}, {erts, "13.1.5"}, [{kernel, "8.5.3"}, {stdlib, "4.2", load}]}.\n'
SMALL = {"releases/0.1.0/demo.rel": REL, "bin/demo": b"#!/bin/sh\n", "lib/demo-0.1.0/ebin/demo.beam": b"beam"}
LINUX = "linux-x86_64-glibc"


def archive(path: Path, files: dict[str, bytes], *more: tarfile.TarInfo, mode: str = "w:gz") -> Path:
    """Write an archive of files, and of members that have no content."""
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for info in more:
            tar.addfile(info)
    return path


def member(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def paths(store: Store) -> list[str]:
    return [entry.path for entry in store.manifest(store.find("demo", "latest")).entries]


def taken(store: Store, tmp_path: Path, files: dict[str, bytes], *more: tarfile.TarInfo) -> list[str]:
    import_archive(store, archive(tmp_path / "demo.tar.gz", files, *more), by="ann@laptop", target=LINUX)
    assert list((store.path / "tmp").iterdir()) == []
    return paths(store)


@pytest.mark.parametrize("lead", ["", "./", "demo/", "./demo-0.1.0/"])
def test_a_leading_directory_is_no_part_of_the_release(store: Store, tmp_path: Path, lead: str) -> None:
    assert taken(store, tmp_path, {lead + path: content for path, content in SMALL.items()}) == sorted(SMALL)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz", "w:bz2"])
def test_any_usual_compression_is_read(store: Store, tmp_path: Path, mode: str) -> None:
    import_archive(store, archive(tmp_path / "demo", SMALL, mode=mode), by="", target=LINUX)
    assert paths(store) == sorted(SMALL)


def test_the_record_says_what_erlang_read(store: Store, tmp_path: Path) -> None:
    release = import_archive(store, archive(tmp_path / "x.tgz", SMALL), by="ann@laptop", target="linux-riscv64-musl")
    assert (release.name, release.version, release.kind, release.includes_erts) == ("demo", "0.1.0", "command", False)
    assert [(one.name, one.version, one.type) for one in release.applications] == [
        ("kernel", "8.5.3", "permanent"),
        ("stdlib", "4.2", "load"),
    ]
    assert release.target == Target("linux", "riscv64", "musl", "", "13.1.5")
    assert (release.builder, release.commit, release.tag) == ("ann@laptop", "", "")
    assert store.releases() == [release]


def test_what_belongs_to_a_host_stays_out(store: Store, tmp_path: Path) -> None:
    own = ("COOKIE", "RELEASES", "start_erl.data")
    hosts = {f"releases/{name}": b"13.1.5 0.1.0" for name in own}
    hosts |= {"tmp/log/erlang.log.1": b"x", "log/x": b"x", ".deliver/journal": b"x", "erl_crash.dump": b"x"}
    kept = {"lib/demo-0.1.0/priv/tmp/x": b"x", "lib/demo-0.1.0/priv/log/COOKIE": b"x"}
    assert taken(store, tmp_path, {**SMALL, **hosts, **kept}) == sorted({**SMALL, **kept})
    assert not any(b"13.1.5 0.1.0" in b"".join(store.read(digest)) for digest in store.objects.all())


def test_a_date_in_a_boot_script_is_no_content(store: Store, tmp_path: Path) -> None:
    dated = {**SMALL, "releases/0.1.0/demo.rel": b"%% rel generated at {2024,1,2} {3,4,5}\n" + REL}
    taken(store, tmp_path, dated)
    assert store.manifest(store.find("demo", "latest")).by_path["releases/0.1.0/demo.rel"].size == len(REL)
    assert taken(store, tmp_path, SMALL) == sorted(SMALL)


def test_links_within_the_release_are_kept_as_they_are(store: Store, tmp_path: Path) -> None:
    links = [member("bin/start", tarfile.SYMTYPE, "./demo"), member("lib/current", tarfile.SYMTYPE, "demo-0.1.0")]
    hard = member("bin/again", tarfile.LNKTYPE, "bin/demo")
    taken(store, tmp_path, SMALL, *links, hard)
    entries = store.manifest(store.find("demo", "latest")).by_path
    assert (entries["bin/start"].kind, entries["bin/start"].target) == ("link", "./demo")
    assert (entries["lib/current"].kind, entries["lib/current"].target) == ("link", "demo-0.1.0")
    assert (entries["bin/again"].kind, entries["bin/again"].sha256) == ("file", entries["bin/demo"].sha256)


@pytest.mark.parametrize("top", ["", "demo/"])
def test_pipes_that_a_node_has_or_left_behind_are_not_taken_along(store: Store, tmp_path: Path, top: str) -> None:
    files = {f"{top}{path}": content for path, content in SMALL.items()}
    pipes = [member(f"{top}tmp/pipe/erlang.pipe.1.{end}", tarfile.FIFOTYPE) for end in "rw"]
    taken(store, tmp_path, files, *pipes, member(f"{top}tmp/erlang.pipe.2.r", tarfile.FIFOTYPE))
    assert not any("pipe" in path for path in store.manifest(store.find("demo", "latest")).by_path)


def test_bits_that_change_who_runs_a_file_are_not_taken(store: Store, tmp_path: Path) -> None:
    with tarfile.open(archive(tmp_path / "x", SMALL, mode="w"), "a") as tar:
        info = tarfile.TarInfo("bin/root")
        info.mode = 0o6755
        tar.addfile(info)
    import_archive(store, tmp_path / "x", by="", target=LINUX)
    assert store.manifest(store.find("demo", "latest")).by_path["bin/root"].mode == 0o755


DEVICE, FIFO, LINK, HARD = tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ([member("/etc/cron.d/evil", tarfile.REGTYPE)], "its path is absolute"),
        ([member("../evil", tarfile.REGTYPE)], "leads out of the archive"),
        ([member("lib/../../evil", tarfile.REGTYPE)], "leads out of the archive"),
        ([member("bin/evil", LINK, "/etc/passwd")], "a link that leads out of the archive, to /etc/passwd"),
        ([member("bin/evil", LINK, "../../evil")], "a link that leads out"),
        ([member("evil", LINK, ".."), member("evil/file", tarfile.REGTYPE)], "through a link or a file"),
        ([member("evil", LINK, "lib"), member("evil/file", tarfile.REGTYPE)], "through a link or a file"),
        ([member("bin/demo/file", tarfile.REGTYPE)], "through a link or a file"),
        # Each link's text seems to stay inside; one after the other they do not.
        ([member("a/b/up", LINK, "../.."), member("a/b/out", LINK, "up/../..")], "a link that leads out"),
        ([member("bin/evil", HARD, "/etc/passwd")], "its path is absolute"),
        ([member("bin/evil", HARD, "../../etc/passwd")], "leads out of the archive"),
        ([member("x", LINK, "bin/demo"), member("bin/evil", HARD, "x")], "does not have"),
        ([member("bin/evil", HARD, "bin/nothing")], "does not have"),
        ([member("dev/null", DEVICE)], "neither file, directory nor link"),
        ([member("dev/sda", tarfile.BLKTYPE)], "neither file, directory nor link"),
        ([member("pipe", FIFO)], "neither file, directory nor link"),
        ([member("lib/tmp/pipe/other", FIFO)], "neither file, directory nor link"),
        ([member("lib", tarfile.REGTYPE)], "a directory and something else"),
    ],
)
def test_what_leads_out_or_is_no_file_is_refused(
    store: Store, tmp_path: Path, members: list[tarfile.TarInfo], why: str
) -> None:
    with pytest.raises(StoreError, match=why):
        import_archive(store, archive(tmp_path / "x.tgz", SMALL, *members), by="", target=LINUX)
    assert store.releases() == []
    assert list((store.path / "tmp").iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"the store", "x.tgz"}


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08 cut", bytes(100)])
def test_what_is_no_archive_is_told(store: Store, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.tgz").write_bytes(content)
    with pytest.raises(StoreError, match=r"no whole tar archive|no OTP release"):
        import_archive(store, tmp_path / "x.tgz", by="", target=LINUX)


def test_a_cut_off_archive_is_told(store: Store, tmp_path: Path) -> None:
    whole = archive(tmp_path / "x.tgz", {**SMALL, "big": os.urandom(100_000)}).read_bytes()
    for length in (len(whole) // 2, len(whole) - 20, len(whole) - 4, 30):
        (tmp_path / "x.tgz").write_bytes(whole[:length])
        with pytest.raises(StoreError, match="no whole tar archive"):
            import_archive(store, tmp_path / "x.tgz", by="", target=LINUX)
    assert store.releases() == []


def test_a_damaged_header_is_not_taken_for_the_end(store: Store, tmp_path: Path) -> None:
    whole = bytearray(archive(tmp_path / "x.tar", {**SMALL, "last": b"last"}, mode="w").read_bytes())
    whole[whole.index(b"last")] ^= 1
    (tmp_path / "x.tar").write_bytes(whole)
    with pytest.raises(StoreError, match="ends in the middle"):
        import_archive(store, tmp_path / "x.tar", by="", target=LINUX)


def test_an_archive_that_is_not_there_is_told(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file .*"):  # noqa: RUF043
        import_archive(store, tmp_path / "x.tgz", by="", target=LINUX)


def test_an_archive_without_a_release_is_told(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no OTP release in it"):
        taken(store, tmp_path, {"README": b"hello"})
    with pytest.raises(StoreError, match="not a release that can be kept"):
        taken(store, tmp_path, {"releases/0.1.0/demo.rel": b"{not a release}."})


def test_an_archive_of_two_versions_is_refused(store: Store, tmp_path: Path) -> None:
    two = {**SMALL, "releases/0.2.0/demo.rel": REL.replace(b"0.1.0", b"0.2.0"), "releases/start_erl.data": b"13 0.2.0"}
    with pytest.raises(StoreError, match=r"several versions: 0\.1\.0, 0\.2\.0"):
        taken(store, tmp_path, two)


def test_an_archive_that_does_not_say_its_target_needs_it_named(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no Linux binaries"):
        import_archive(store, archive(tmp_path / "x.tgz", SMALL), by="")
    with pytest.raises(UsageError, match="is no target"):
        import_archive(store, archive(tmp_path / "x.tgz", SMALL), by="", target="pdp11")


def test_without_erlang_it_is_said_what_is_missing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoreError, match="no `escript`") as caught:
        import_archive(store, archive(tmp_path / "x.tgz", SMALL), by="", target=LINUX)
    assert "install Erlang" in caught.value.hint


@pytest.mark.slow
def test_the_archives_of_mix_and_rebar3_are_taken(mix_release: Path, rebar3_release: Path, tmp_path: Path) -> None:
    made = {"mix": mix_release.parents[1] / "demo-0.1.0.tar.gz", "rebar3": rebar3_release / "demo-0.1.0.tar.gz"}
    for kind, file in made.items():
        store = Store(tmp_path / kind)
        release = import_archive(store, file, by="ann@laptop")
        assert (release.kind, release.version, release.includes_erts) == (kind, "0.1.0", True)
        assert (release.target.os, release.target.arch) == ("linux", os.uname().machine)
        assert release.target.libc_version
        assert not {"releases/COOKIE", "releases/RELEASES", "releases/start_erl.data"} & set(paths(store))
        assert verify(store).faults == ()


@pytest.fixture
def nodes() -> Iterator[list[Path]]:
    """Directories of releases; whatever runs there is ended."""
    roots: list[Path] = []
    yield roots
    for root in roots:
        for process in Path("/proc").glob("[0-9]*"):
            if _runs_in(process, root):
                os.kill(int(process.name), signal.SIGKILL)


def _runs_in(process: Path, root: Path) -> bool:
    try:
        return f"{root}/".encode() in (process / "cmdline").read_bytes()
    except OSError:
        return False


def answer(command: list[str], wanted: str, **environment: str) -> None:
    """Ask until the answer is the one that is wanted."""
    until = time.monotonic() + 60
    said = ""
    while wanted not in said:
        assert time.monotonic() < until, said
        done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr


@pytest.mark.slow
def test_a_mix_release_goes_out_boots_and_comes_in_again(
    store: Store, mix_release: Path, tmp_path: Path, nodes: list[Path]
) -> None:
    release = import_archive(store, mix_release.parents[1] / "demo-0.1.0.tar.gz", by="ann@laptop")
    export(store, release, tmp_path / "demo.tar.gz")
    root = tmp_path / "unpacked"
    nodes.append(root)
    root.mkdir()
    run(["tar", "-xzf", str(tmp_path / "demo.tar.gz"), "-C", str(root)])
    environment = {"RELEASE_COOKIE": "chocolate", "RELEASE_NODE": f"export{os.getpid()}"}
    run([f"{root}/bin/demo", "daemon"], environment=environment)
    question = "IO.puts inspect Enum.map(:release_handler.which_releases(), fn {_, v, _, s} -> {v, s} end)"
    answer([f"{root}/bin/demo", "rpc", question], "[{'0.1.0', :permanent}]", **environment)
    run([f"{root}/bin/demo", "stop"], environment=environment)
    until = time.monotonic() + 60
    while list((root / "tmp/pipe").iterdir()):
        assert time.monotonic() < until, "the node's console did not end"
        time.sleep(0.05)
    # What a host made beside it is not taken along.
    with tarfile.open(tmp_path / "used.tar.gz", "w:gz") as tar:
        tar.add(root, "demo")
    again = import_archive(Store(tmp_path / "other"), tmp_path / "used.tar.gz", by="bob@desk")
    assert again.manifest == release.manifest


@pytest.mark.slow
def test_a_rebar3_release_goes_out_boots_and_comes_in_again(
    store: Store, rebar3_release: Path, tmp_path: Path, nodes: list[Path]
) -> None:
    release = import_archive(store, rebar3_release / "demo-0.1.0.tar.gz", by="ann@laptop")
    export(store, release, tmp_path / "demo.tar.gz")
    root = tmp_path / "unpacked"
    nodes.append(root)
    root.mkdir()
    run(["tar", "-xzf", str(tmp_path / "demo.tar.gz"), "-C", str(root)])
    arguments = root / "releases/0.1.0/vm.args"
    arguments.write_text(arguments.read_text().replace("-sname demo", f"-sname export{os.getpid()}"))
    run([f"{root}/bin/demo", "daemon"])
    answer([f"{root}/bin/demo", "ping"], "pong")
    answer([f"{root}/bin/demo", "versions"], "permanent")
    run([f"{root}/bin/demo", "stop"])
    again = import_archive(Store(tmp_path / "other"), tmp_path / "demo.tar.gz", by="bob@desk")
    assert again.manifest == release.manifest
