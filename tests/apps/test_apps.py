"""The applications build with their own tools, offline."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.apps import Repository, Tag, make_repository

MIX = {"MIX_ENV": "prod"}


def build(repository: Repository, *argv: str) -> Path:
    """Build a clone of the repository."""
    checkout = repository.path.with_name("checkout")
    repository.git("clone", "--quiet", "--recurse-submodules", str(repository.path), str(checkout))
    subprocess.run(argv, cwd=checkout, env={**os.environ, **MIX}, check=True, stdin=subprocess.DEVNULL)
    return checkout


def mix_eval(release: Path, expression: str) -> str:
    line = [str(release / "bin" / release.name), "eval", expression]
    return subprocess.run(line, check=True, text=True, stdout=subprocess.PIPE).stdout.strip()


def test_a_repository_has_the_tags_it_was_asked_for(tmp_path: Path) -> None:
    tags: list[str | Tag] = ["0.1.0", Tag("v0.2.0", annotated=True)]
    repository = make_repository(tmp_path / "counter", "counter", tags)
    assert repository.git("tag").split() == ["0.1.0", "v0.2.0"]
    assert repository.git("cat-file", "-t", "0.1.0") == "commit"
    assert repository.git("cat-file", "-t", "v0.2.0") == "tag"
    assert 'version: "0.1.0"' in repository.git("show", "0.1.0:mix.exs")
    assert 'version: "0.2.0"' in repository.git("show", "v0.2.0:mix.exs")
    assert "double" in repository.git("show", "v0.2.0:lib/counter/protocol.ex")
    assert repository.git("status", "--porcelain") == ""


def test_two_repositories_of_one_application_have_the_same_commits(tmp_path: Path) -> None:
    one, other = (make_repository(tmp_path / name, "counter") for name in ("one", "other"))
    assert one.commit_of("v0.2.0") == other.commit_of("v0.2.0")


@pytest.mark.slow
def test_counter_builds(tmp_path: Path) -> None:
    checkout = build(make_repository(tmp_path / "counter", "counter"), "mix", "release", "--quiet")
    assert (checkout / "_build/prod/rel/counter/releases/0.2.0/counter.rel").exists()


@pytest.mark.slow
def test_bell_builds_with_its_profile(tmp_path: Path) -> None:
    checkout = build(make_repository(tmp_path / "bell", "bell"), "rebar3", "as", "prod", "release")
    release = checkout / "_build/prod/rel/bell"
    assert (release / "releases/0.2.0/bell.rel").exists()
    assert not (release / "lib/bell-0.2.0").is_symlink()
    line = [
        "erl",
        "-noinput",
        "-pa",
        str(release / "lib/bell-0.2.0/ebin"),
        "-eval",
        "io:put_chars(bell:sound()), halt().",
    ]
    assert subprocess.run(line, check=True, text=True, stdout=subprocess.PIPE).stdout == "BONG BONG"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "has_desk"), [("shop", True), ("office", False)])
def test_market_builds_both_its_releases(tmp_path: Path, name: str, has_desk: bool) -> None:
    checkout = build(make_repository(tmp_path / "market", "market"), "mix", "release", name, "--quiet")
    release = checkout / f"_build/prod/rel/{name}"
    assert (release / "lib/goods-0.2.0").exists()
    assert (release / "lib/counter_desk-0.2.0").exists() == has_desk


@pytest.mark.slow
def test_orders_builds_with_both_kinds_of_dependency(tmp_path: Path) -> None:
    command = "mix deps.get --check-locked && mix release --quiet"
    checkout = build(make_repository(tmp_path / "orders", "orders"), "sh", "-euc", command)
    release = checkout / "_build/prod/rel/orders"
    assert mix_eval(release, "IO.inspect(Orders.Application.total(10))") == "{:entered, 40}"


@pytest.mark.slow
def test_signs_builds_with_its_submodule(tmp_path: Path) -> None:
    checkout = build(make_repository(tmp_path / "signs", "signs"), "mix", "release", "--quiet")
    release = checkout / "_build/prod/rel/signs"
    assert mix_eval(release, "IO.inspect(Signs.Application.words())") == '["stop", "yield"]'


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("cc") and shutil.which("make")), reason="needs make and a C compiler")
def test_thermo_builds_with_its_native_code(tmp_path: Path) -> None:
    checkout = build(make_repository(tmp_path / "thermo", "thermo"), "mix", "release", "--quiet")
    release = checkout / "_build/prod/rel/thermo"
    expression = "IO.inspect({Thermo.fahrenheit(100), Thermo.measure(), Thermo.label()})"
    assert mix_eval(release, expression) == '{212, "21", "Keep it cool: 5°"}'


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_plain_builds_with_make(tmp_path: Path) -> None:
    checkout = build(make_repository(tmp_path / "plain", "plain"), "make", "--silent", "release")
    assert (checkout / "out/releases/0.2.0/start.boot").exists()
    assert (checkout / "out/releases/start_erl.data").read_text().split()[1] == "0.2.0"
    assert list(checkout.glob("out/erts-*/bin/beam.smp"))
