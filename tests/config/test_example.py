import re
from pathlib import Path
from typing import Any

import tomli

from deliver.config import keys
from deliver.config.keys import ANY, KeyPath
from deliver.config.load import load

ROOT = Path(__file__).parents[2]
SCHEMA = {path for path, _ in keys.walk()}


def example() -> str:
    return (ROOT / "config.example.toml").read_text("utf-8")


def uncommented() -> str:
    return re.sub(r"^#(?=[A-Za-z\[\"])", "", example(), flags=re.MULTILINE)


def paths(table: dict[str, Any], above: KeyPath = ()) -> set[KeyPath]:
    found = set()
    for key, value in table.items():
        path = (*above, key)
        found |= {path} | (paths(value, path) if isinstance(value, dict) else set())
    return found


def fits(path: KeyPath, pattern: KeyPath) -> bool:
    return len(path) == len(pattern) and all(wanted in {part, ANY} for part, wanted in zip(path, pattern, strict=True))


def in_full(directory: Path) -> Path:
    (directory / "ops").mkdir()
    for name in ("ssh_config", "features.exs", "vm.args"):
        (directory / "ops" / name).touch()
    file = directory / "deliver.toml"
    file.write_text(uncommented(), "utf-8")
    return file


def documented() -> set[KeyPath]:
    """Return the keys that the tables of the reference have rows for."""
    text = (ROOT / "docs" / "reference" / "configuration.md").read_text("utf-8")
    found = set()
    for section in re.split(r"^## ", text, flags=re.MULTILINE):
        heading, _, body = section.partition("\n")
        tables = re.findall(r"`\[(.+?)\]`", heading) or ([""] if heading == "The top of the file" else [])
        for table in tables:
            above = tuple(ANY if part.isupper() else part for part in table.split(".") if part)
            found |= {(*above, key) for key in re.findall(r"^\| `(\w+)` \|", body, flags=re.MULTILINE)}
    return found


def test_the_example_loads_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "deliver.toml"
    file.write_text(example(), "utf-8")

    config = load(file, environ={})

    assert config.app == "demo"
    assert [host.name for host in config.environment("staging").hosts] == ["staging1"]


def test_the_example_loads_with_everything_uncommented(tmp_path: Path) -> None:
    config = load(in_full(tmp_path), environ={})

    production = config.environments["production"]
    assert [host.name for host in production.hosts] == ["prod1", "prod2"]
    assert set(production.hosts[1].env) == {"RELEASE_DISTRIBUTION", "POOL_SIZE"}
    assert production.files["releases/{version}/vm.args"].mode == 0o644


def test_the_example_has_every_key_of_the_schema() -> None:
    shown = paths(tomli.loads(uncommented()))

    assert {pattern for pattern in SCHEMA if not any(fits(path, pattern) for path in shown)} == set()


def test_the_example_has_no_key_that_the_schema_lacks() -> None:
    tables = {pattern[:-1] for pattern in SCHEMA}
    secrets = {
        (*path, how) for path in SCHEMA if path[-1] == "cookie" or path[-2:] == ("env", ANY) for how in ("env", "file")
    }

    shown = paths(tomli.loads(uncommented()))

    assert {path for path in shown if not any(fits(path, known) for known in SCHEMA | tables | secrets)} == set()


def test_what_the_example_calls_a_default_is_one(tmp_path: Path) -> None:
    bare = tmp_path / "deliver.toml"
    bare.write_text('app = "demo"\n', "utf-8")
    shown = tomli.loads(uncommented())

    default = load(bare, environ={})

    assert shown["tag_prefix"] == default.tag_prefix
    assert shown["ssh"]["parallel"] == default.ssh.parallel
    assert shown["build"]["mix_env"] == default.build.mix_env
    assert tmp_path / shown["store"] == default.store


def test_the_reference_has_exactly_the_keys_of_the_schema() -> None:
    assert documented() == {path for path in SCHEMA if path[-1] != ANY}
