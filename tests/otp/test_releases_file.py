"""The tuples of RELEASES, as Erlang itself reads them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from deliver.errors import TargetError
from deliver.otp.release import Application, Release, Target
from deliver.otp.releases_file import STATUS, atom, string, term


def consult(text: str, directory: Path, expression: str = "Term") -> Any:
    """Have Erlang read `text` from a file, and return what `expression` makes of the `Term`, strings as code points."""
    file = directory / "term"
    file.write_text(f"{text}.\n", "ascii")
    program = f"""
        [File] = init:get_plain_arguments(), {{ok, [Term]}} = file:consult(File),
        io:format("~w", [{expression}]), halt()."""
    command = ["erl", "-noinput", "-eval", program, "-extra", str(file)]
    done = subprocess.run(command, capture_output=True, check=True)
    return json.loads(done.stdout)


def points(text: str) -> list[int]:
    return [ord(char) for char in text]


def release(name: str, version: str, *applications: Application) -> Release:
    return Release(
        name=name,
        version=version,
        target=Target("linux", "x86_64", "glibc", "2.34", "13.1.5"),
        applications=applications,
        kind="mix",
        includes_erts=True,
        commit="",
        tag="",
        recipe="",
        toolchain={},
        builder="",
        build_host="",
        built_at="2024-01-02T03:04:05Z",
        manifest="",
        size=0,
        new_bytes=0,
    )


def test_the_tuple_is_the_one_that_release_handler_writes() -> None:
    made = term(release("demo", "0.1.0", Application("kernel", "8.5.3"), Application("demo", "0.1.0")), "/srv/demo")
    assert made == (
        '{release,"demo","0.1.0","13.1.5",[{kernel,"8.5.3","/srv/demo/lib/kernel-8.5.3"},'
        '{demo,"0.1.0","/srv/demo/lib/demo-0.1.0"}],@STATUS@}'
    )


@pytest.mark.parametrize(
    ("root", "directory"), [("/", "/lib/kernel-1"), ("/srv/x/", "/srv/x/lib/kernel-1"), ("", "lib/kernel-1")]
)
def test_a_root_may_end_in_a_slash_or_be_left_out(root: str, directory: str) -> None:
    assert f'"{directory}"' in term(release("demo", "1", Application("kernel", "1")), root)


@pytest.mark.parametrize(
    "text",
    ["/srv/de mo", '/srv/"quoted"\\', "/srv/naïve/日本/😀", "a\tb\nc\x7f\x00", "it's", "~s ~p %{}#"],
)
def test_erlang_reads_every_string_as_it_was(text: str, tmp_path: Path) -> None:
    assert consult(string(text), tmp_path) == points(text)


def test_erlang_reads_every_atom_as_it_was(tmp_path: Path) -> None:
    names = ["kernel", "my_app2", "Elixir.My.App", "end", "with-dash", "quo'te", "back\\slash", "ünï", "9p", ""]
    atoms = ",".join(atom(name) for name in names)
    assert consult(f"[{atoms}]", tmp_path, "[atom_to_list(A) || A <- Term]") == [points(name) for name in names]


def test_erlang_reads_a_file_of_two_versions(tmp_path: Path) -> None:
    root = f'{tmp_path}/de\'mo "x" ü'
    versions = [release("demo", version, Application("kernel", "8.5.3")) for version in ("0.1.0", "0.2.0-rc.1+é")]
    text = ",\n".join(term(one, root) for one in versions).replace(STATUS, "permanent")
    read = consult(f"[{text}]", tmp_path, "[[V, D] || {release, _, V, _, [{kernel, _, D}], permanent} <- Term]")
    assert read == [[points(one.version), points(f"{root}/lib/kernel-8.5.3")] for one in versions]


def test_a_directory_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(TargetError, match="not UTF-8"):
        term(release("demo", "1", Application("kernel", "1")), b"/srv/\xff".decode("utf-8", "surrogateescape"))
