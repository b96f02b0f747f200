"""An application of some size, 200 modules, a dependency and pictures, in versions that differ by what they say."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.apps.repository import Repository

MODULES = 200
CATALOG = 40
#: Bytes that nothing compresses.
PICTURES = 15_000_000
#: What each version changes of the one before it.
STEPS = {
    "0.2.0": "one module",
    "0.3.0": "the version number",
    "0.4.0": "a sprint: 34 modules",
    "0.5.0": "a dependency",
    "0.6.0": "the ERTS",
}
#: Every so many-th block of the emulator is another one in a new ERTS: addresses are all over it.
EVERY = 8
BLOCK = 64

_PROJECT = """defmodule {module}.MixProject do
  use Mix.Project

  def project, do: [app: :{app}, version: "{version}", deps: {deps}]

  def application do
    [extra_applications: {applications}]
  end
end
"""
_MODULE = """defmodule {name} do
  @moduledoc "Part {number}, at its turn {turn}."

{functions}
end
"""
_FUNCTION = """  def price_{n}(order) do
    base = Map.get(order, :amount_{n}, {seed})
    discount = if base > {limit}, do: div(base * {rate}, 100), else: {turn}
    Enum.reduce(Map.get(order, :lines_{n}, []), base - discount, fn {{sku, count}}, sum ->
      sum + count * :erlang.phash2({{sku, {seed}}}, {limit})
    end)
  end
"""


def make_shop(path: Path) -> Repository:
    """Make its repository, with a tag for each version but that of the new ERTS."""
    path.mkdir(parents=True)
    repository = Repository(path)
    repository.git("init", "--quiet", "--initial-branch", "main")
    _modules(path, "Shop", range(MODULES), 0)
    (path / "priv").mkdir()
    (path / "priv/pictures").write_bytes(os.urandom(PICTURES))
    _modules(path / "catalog", "Catalog", range(CATALOG), 0)
    _tagged(repository, "0.1.0", "1.0.0", lambda: None)
    _tagged(repository, "0.2.0", "1.0.0", lambda: _modules(path, "Shop", [7], 1))
    _tagged(repository, "0.3.0", "1.0.0", lambda: None)
    _tagged(repository, "0.4.0", "1.0.0", lambda: _modules(path, "Shop", range(100, 134), 2))
    _tagged(repository, "0.5.0", "1.1.0", lambda: _modules(path / "catalog", "Catalog", range(10), 3))
    return repository


def _tagged(repository: Repository, version: str, catalog: str, change: Callable[[], None]) -> None:
    change()
    deps = '[{:catalog, path: "catalog"}]'
    applications = (
        "[:ssl, :inets, :tools, :runtime_tools, :parsetools, :syntax_tools, :eunit, :compiler, :ex_unit, :mix]"
    )
    _project(repository.path, "Shop", version, deps, applications)
    _project(repository.path / "catalog", "Catalog", catalog, "[]", "[]")
    repository.commit(f"Version {version}")
    repository.tag(f"v{version}")


def _project(path: Path, module: str, version: str, deps: str, applications: str) -> None:
    text = _PROJECT.format(module=module, app=module.lower(), version=version, deps=deps, applications=applications)
    (path / "mix.exs").write_text(text)


def _modules(path: Path, prefix: str, numbers: range | list[int], turn: int) -> None:
    (path / "lib").mkdir(parents=True, exist_ok=True)
    for number in numbers:
        functions = "\n".join(_function(number, n, turn) for n in range(12))
        text = _MODULE.format(name=f"{prefix}.Part{number:03}", number=number, turn=turn, functions=functions)
        (path / "lib" / f"part_{number:03}.ex").write_text(text)


def _function(number: int, n: int, turn: int) -> str:
    seed = (number * 7919 + n * 104_729) % 65_521
    return _FUNCTION.format(n=n, seed=seed, limit=seed % 977 + 100, rate=(seed + turn) % 90 + 5, turn=turn)


def with_another_erts(archive: Path, result: Path) -> None:
    """Make version 0.6.0 of the archive of 0.5.0: with another ERTS, whose emulator differs in parts."""
    tree = result.with_suffix(".tree")
    tree.mkdir()
    subprocess.run(["tar", "-xzf", archive, "-C", tree], check=True)
    (erts,) = tree.glob("erts-*")
    old = erts.name.partition("-")[2]
    new = f"{old}.1"
    shutil.move(erts, erts.with_name(f"erts-{new}"))
    shutil.move(tree / "releases/0.5.0", tree / "releases/0.6.0")
    for file in tree.glob("releases/0.6.0/*.rel"):
        file.write_text(file.read_text().replace("0.5.0", "0.6.0", 1).replace(f'"{old}"', f'"{new}"'))
    (tree / "releases/start_erl.data").write_text(f"{new} 0.6.0\n")
    _vary(tree / f"erts-{new}/bin/beam.smp")
    subprocess.run(["tar", "-czf", result, "-C", tree, "."], check=True)
    shutil.rmtree(tree)


def _vary(program: Path) -> None:
    with program.open("r+b") as file:
        for at in range(BLOCK * EVERY, program.stat().st_size - BLOCK, BLOCK * EVERY):
            file.seek(at)
            file.write(os.urandom(BLOCK))
