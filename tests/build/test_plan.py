"""What a build is, decided from the configuration and the files at the tag."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deliver.build import plan
from deliver.build.plan import Job
from deliver.config.schema import Build, Config, Content, Hooks, Host
from deliver.errors import BuildError, ConfigError
from deliver.secret import Secret
from deliver.source import Source, Submodule

CONFIG = Config(file=Path("/x/deliver.toml"), app="demo", repository=Path("/x"))
SOURCE = Source(Path("/x"), "c" * 40, "v1.0.0", "", "1.0.0")


def configured(**build: Any) -> Config:
    return replace(CONFIG, build=Build(**build))


@pytest.mark.parametrize(
    ("build", "names", "chosen"),
    [
        (Build(), {"mix.exs"}, "mix"),
        (Build(), {"rebar.config", "src"}, "rebar3"),
        (Build(), {"rebar.config.script"}, "rebar3"),
        (Build(), {"rebar.config", "mix.exs"}, "mix"),
        (Build(toolchain="rebar3"), {"rebar.config", "mix.exs"}, "rebar3"),
        (Build(command="make"), {"mix.exs"}, "command"),
        (Build(command="make", toolchain="mix"), {"mix.exs"}, "mix"),
    ],
)
def test_the_toolchain_is_found_from_the_files(build: Build, names: set[str], chosen: str) -> None:
    assert plan.toolchain(build, names) == chosen


def test_what_nothing_can_build_is_refused() -> None:
    with pytest.raises(BuildError, match=r"neither mix\.exs nor rebar\.config in apps/demo"):
        plan.toolchain(Build(directory="apps/demo"), {"package.json"})
    with pytest.raises(ConfigError, match=r"build\.command is not set"):
        plan.toolchain(Build(toolchain="command"), {"mix.exs"})


@pytest.mark.parametrize(
    "changed",
    [
        {"release": "other"},
        {"mix_env": "staging"},
        {"profile": "test"},
        {"command": "make"},
        {"directory": "app"},
        {"login_profile": True},
        {"env": {"A": "1"}},
        {"env": {"A": Secret("2")}},
        {"files": {"a": Content(text="x")}},
        {"files": {"a": Content(text="x", mode=0o644)}},
        {"files": {"a": Content(host="/x")}},
        {"hooks": Hooks(after_release="true")},
    ],
)
def test_whatever_shapes_a_release_changes_its_recipe(changed: dict[str, Any]) -> None:
    assert plan.recipe(configured(**changed)) != plan.recipe(CONFIG)


@pytest.mark.parametrize(
    "changed", [{"host": Host("elsewhere", path="/y")}, {"timeout": 1.0}, {"cache": False}], ids=str
)
def test_where_and_how_long_does_not(changed: dict[str, Any]) -> None:
    assert plan.recipe(configured(**changed)) == plan.recipe(CONFIG)


def test_a_secret_and_the_same_text_are_one_recipe_and_neither_is_in_it() -> None:
    secret = plan.recipe(configured(env={"A": Secret("hush")}))
    assert secret == plan.recipe(configured(env={"A": "hush"}))
    assert "hush" not in secret


def job(**changes: Any) -> Job:
    return replace(Job(SOURCE, (), (), "mix", "recipe", "token", "{}"), **changes)


def test_scripts_show_no_secret_however_it_is_written() -> None:
    secret = 'a\'b "c" $d\n\\e'  # noqa: S105  # that is what it stands for
    config = configured(env={"A": Secret(secret)}, files={"f": Content(secret=Secret(secret))})
    for script in (plan.build_script(config, job()), plan.prepare_script(config, "mix")):
        shown = script.shown()
        assert not [piece for piece in ("a'b", '"c" $d', "\\e", "YSdiICJj") if piece in shown.split("place_")[0]]
        assert "***" in shown


def test_our_own_variables_stand_after_the_configured_environment() -> None:
    text = plan.build_script(configured(env={"app": "theirs", "root": "theirs"}), job()).text
    assert text.index("export app=theirs") < text.index("enter_environment\n") < text.index("\napp=demo")


def test_a_build_host_without_a_path_uses_a_place_of_our_own_below_its_home() -> None:
    assert plan.location(Host("build1")) == ".cache/deliver"
    assert plan.location(Host("build1", path="/srv/b")) == "/srv/b"


def test_submodules_and_cuts_reach_the_build_host_line_by_line() -> None:
    outer = Submodule("vendor/a b", "d" * 40, Path("/m"))
    text = plan.build_script(CONFIG, job(submodules=(outer,), shallow=("e" * 40, "f" * 40))).text
    assert f"submodules='{'d' * 40} vendor/a b'" in text
    assert f"shallow='{'e' * 40}\n{'f' * 40}'" in text


def test_files_need_base64_on_the_build_host() -> None:
    assert "base64" not in plan.tools(Build(), "mix")
    assert "base64" in plan.tools(Build(files={"a": Content(text="x")}), "mix")
