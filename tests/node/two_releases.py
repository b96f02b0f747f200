"""A small Elixir application in two versions, installed side by side as hosts have them, for tests of hot upgrades."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

MIX = """
defmodule Duo.MixProject do
  use Mix.Project
  def project, do: [app: :duo, version: "{version}", deps: [], releases: [duo: [{options}]]]
  def application, do: [extra_applications: [:logger, :sasl], mod: {{Duo.Application, []}}]
end
"""

RUNTIME = """
import Config
config :duo, secret: System.get_env("DUO_SECRET", "none"), at_boot: "{version}"
{more}
"""

CODE = """
defmodule Duo.Application do
  use Application
  def start(_type, _args) do
    Supervisor.start_link({children}, strategy: :one_for_one, max_restarts: {restarts}, name: Duo.Supervisor)
  end
end

defmodule Duo.Cell do
  use Agent
  def child_spec({{id, value}}), do: %{{id: id, start: {{__MODULE__, :start_link, [value]}}}}
  def start_link(:failing), do: {{:error, :it_should_fail}}
  def start_link(value), do: Agent.start_link(fn -> value end)
end

defprotocol Duo.Kind do
  @fallback_to_any true
  def kind(term)
end

defimpl Duo.Kind, for: Integer do
  def kind(_), do: "integer"
end

defimpl Duo.Kind, for: Any do
  def kind(_), do: "any"
end
"""

LIST = """
defimpl Duo.Kind, for: List do
  def kind(_), do: "list"
end
"""

#: What differs between the versions: children, restarts of the supervisor, code, and runtime.exs.
VERSIONS = {
    "0.1.0": {
        "children": "[{Duo.Cell, {:kept, 1}}, {Duo.Cell, {:gone, 2}}, {Duo.Cell, {:changed, 3}}]",
        "restarts": "3",
        "code": "",
        "more": 'config :duo, only_old: "yes"',
    },
    "0.2.0": {
        "children": "[{Duo.Cell, {:first, 0}}, {Duo.Cell, {:changed, 33}}, {Duo.Cell, {:kept, 1}}, "
        "{Duo.Cell, {:broken, :failing}}]",
        "restarts": "7",
        "code": LIST,
        "more": 'config :duo, only_new: "yes"',
    },
}


def build_two(directory: Path, options: str = "") -> Path:
    """Build both versions into one directory, the first of them to start; return it."""
    merged = directory / "duo"
    for version in reversed(VERSIONS):
        shutil.copytree(_build(directory / version, version, options), merged, dirs_exist_ok=True)
    # Nobody reads more of it here than that it is there.
    (merged / "releases" / "RELEASES").write_text("[].\n")
    for version in VERSIONS:
        kept = merged / ".deliver" / "versions" / version
        kept.mkdir(parents=True)
        (kept / "manifest").touch()
        (kept / "release.term").write_text(f'{{release,"duo","{version}","13.1.5",[],@STATUS@}}\n')
    return merged


def _build(project: Path, version: str, options: str) -> Path:
    parts = VERSIONS[version]
    for name in ("lib", "config"):
        (project / name).mkdir(parents=True)
    (project / "mix.exs").write_text(MIX.format(version=version, options=options))
    (project / "config" / "config.exs").write_text("import Config\n")
    (project / "config" / "runtime.exs").write_text(RUNTIME.format(version=version, more=parts["more"]))
    code = CODE.format(children=_children(parts["children"]), restarts=parts["restarts"]) + parts["code"]
    (project / "lib" / "duo.ex").write_text(code)
    env = {**os.environ, "MIX_ENV": "prod"}
    subprocess.run(["mix", "release", "--quiet"], cwd=project, env=env, check=True, capture_output=True)
    return project / "_build" / "prod" / "rel" / "duo"


def _children(text: str) -> str:
    # The child that cannot start would not let a fresh node of its version boot.
    broken = "{Duo.Cell, {:broken, :failing}}"
    return f'Enum.reject({text}, &(&1 == {broken} and !System.get_env("DUO_BROKEN")))'
