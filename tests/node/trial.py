"""An Elixir application with processes of every kind, in two versions side by side, and the agent for its node."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib import resources
from pathlib import Path

from tests.node.releases import Installed

MIX = """
defmodule Trial.MixProject do
  use Mix.Project
  def project, do: [app: :trial, version: "VERSION", deps: [], releases: [trial: []]]
  def application, do: [extra_applications: [:logger, :sasl], mod: {Trial.Application, []}, env: [default: 1]]
end
"""

CODE = """
defmodule Trial.Application do
  use Application

  def start(_type, _args) do
    children = [
      Trial.Box,
      Trial.Ghost,
      {Trial.Asleep, []},
      Trial.Door,
      {DynamicSupervisor, name: Trial.Many, strategy: :one_for_one, max_restarts: 7},
      Trial.Special,
      %{id: :busy, start: {Task, :start_link, [Trial.Busy, :init, [nil]]}},
      %{id: {:events, "a"}, start: {:gen_event, :start_link, [{:local, :trial_events}]}, modules: :dynamic}
    ]

    {:ok, pid} = Supervisor.start_link(children, strategy: :rest_for_one, name: Trial.Supervisor)
    for _ <- 1..3, do: {:ok, _} = DynamicSupervisor.start_child(Trial.Many, {Agent, fn -> %{a: 1} end})
    :ok = :gen_event.add_handler(:trial_events, Trial.Ear, [])
    # Nobody supervises it.
    {:ok, _} = GenServer.start(Trial.Loner, nil, name: Trial.Loner)
    :trial_table = :ets.new(:trial_table, [:named_table, :public])
    # It has to outlive this process, which ends.
    :ets.give_away(:trial_table, pid, nil)
    {:ok, pid}
  end

  def config_change(changed, new, removed) do
    :persistent_term.put(:trial_told, [{changed, new, removed} | :persistent_term.get(:trial_told, [])])
    :ok
  end
end

defmodule Trial.Box do
  use GenServer
  @vsn "VERSION"
  defstruct [FIELDS]
  def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)
  def init(_), do: {:ok, %__MODULE__{value: 1}}
  def handle_call(:version, _from, box), do: {:reply, "VERSION", box}
  def handle_call(:wait, _from, box), do: (Process.sleep(:infinity); {:reply, :ok, box})
  def handle_cast({:put, value}, box), do: {:noreply, %{box | value: value}}
  def code_change({:down, _}, box, _), do: {:ok, Map.delete(box, :extra)}
  def code_change(_, box, _), do: {:ok, Map.put(box, :extra, :new)}
end

defmodule Trial.Asleep do
  use GenServer
  def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)
  def init(_), do: {:ok, {:state, "text", [1], 2.0, self()}, :hibernate}
  def handle_call(_, _from, state), do: {:reply, :ok, state}
end

defmodule Trial.Door do
  @behaviour :gen_statem
  def child_spec(_), do: %{id: __MODULE__, start: {__MODULE__, :start_link, []}, shutdown: 700, restart: :transient}
  def start_link, do: :gen_statem.start_link({:local, __MODULE__}, __MODULE__, nil, [])
  def callback_mode, do: :handle_event_function
  def init(_), do: {:ok, :closed, %{knocks: 0}}
  def handle_event(_, _, _, _), do: :keep_state_and_data
end

defmodule Trial.Ear do
  @behaviour :gen_event
  def init(_), do: {:ok, %{heard: []}}
  def handle_event(_, state), do: {:ok, state}
  def handle_call(_, state), do: {:ok, :ok, state}
end

defmodule Trial.Special do
  def child_spec(_), do: %{id: __MODULE__, start: {__MODULE__, :start_link, []}}
  def start_link, do: :proc_lib.start_link(__MODULE__, :begin, [self()])

  def begin(parent) do
    :proc_lib.init_ack({:ok, self()})
    loop(parent, %{seen: 0})
  end

  def loop(parent, state) do
    receive do
      {:system, from, what} -> :sys.handle_system_msg(what, from, parent, __MODULE__, [], state)
    end
  end

  def system_continue(parent, _, state), do: loop(parent, state)
  def system_terminate(reason, _, _, _), do: exit(reason)
  def system_code_change(state, _, _, _), do: {:ok, state}
end

defmodule Trial.Loner do
  use GenServer
  def init(_), do: {:ok, nil}
end

# A process that waits in a call to a server, and whose module could be a server's: it understands no system messages.
defmodule Trial.Busy do
  def init(_), do: {:ok, GenServer.call(Trial.Ghost, :wait, :infinity)}
  def handle_call(_, _, state), do: {:reply, :ok, state}
end

defmodule Trial.Ghost do
  use GenServer
  def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)
  def init(_), do: {:ok, nil}
  def handle_call(:wait, _, state), do: {:noreply, state}
end
"""

VERSIONS = {"0.1.0": "value: nil", "0.2.0": "value: nil, extra: nil"}

#: Before the point of no return.
LOADS = "{load_object_code,{trial,VERSION,['Elixir.Trial.Box']}}"
#: After it: up and down differ in the mode.
CHANGES = (
    "{suspend,['Elixir.Trial.Box']},{load,{'Elixir.Trial.Box',brutal_purge,brutal_purge}},"
    "{code_change,MODE,[{'Elixir.Trial.Box',[]}]},{resume,['Elixir.Trial.Box']}"
)


def build_trial(directory: Path) -> Path:
    """Build both versions into one directory, the first of them to start; return it."""
    merged = directory / "trial"
    for version, fields in reversed(VERSIONS.items()):
        shutil.copytree(_build(directory / version, version, fields), merged, dirs_exist_ok=True)
    return merged


def _build(project: Path, version: str, fields: str) -> Path:
    (project / "lib").mkdir(parents=True)
    (project / "config").mkdir()
    (project / "mix.exs").write_text(MIX.replace("VERSION", version))
    config = f'import Config\nconfig :trial, greeting: "{version}"\n'
    (project / "config" / "config.exs").write_text(config)
    code = CODE.replace("VERSION", version).replace("FIELDS", fields)
    (project / "lib" / "trial.ex").write_text(code)
    env = {**os.environ, "MIX_ENV": "prod"}
    subprocess.run(["mix", "release", "--quiet"], cwd=project, env=env, check=True, capture_output=True)
    return project / "_build" / "prod" / "rel" / "trial"


def compile_agent(directory: Path) -> Path:
    """Compile our Erlang; return the directory."""
    package = resources.files("deliver.payload")
    sources = [str(package.joinpath(f"{name}.erl")) for name in ("deliver_json", "deliver_node", "deliver_relup")]
    subprocess.run(["erlc", "-Werror", "-o", directory, *sources], check=True)
    return directory


def known_to_deliver(release: Installed) -> None:
    """Have the directory of a release look as if deliver had installed its versions."""
    for rel in release.root.glob(f"releases/*/{release.app}.rel"):
        version = rel.parent.name
        kept = release.root / ".deliver" / "versions" / version
        kept.mkdir(parents=True)
        (kept / "manifest").touch()
        (kept / "release.term").write_text(_term(release, rel.read_text(), version))


def _term(release: Installed, rel: str, version: str) -> str:
    (_, erts), *apps = re.findall(r'\{(\w+),\s*"([^"]+)"', rel)
    libs = ",".join(f'{{{app},"{vsn}","{release.root}/lib/{app}-{vsn}"}}' for app, vsn in apps)
    return f'{{release,"{release.app}","{version}","{erts}",[{libs}],@STATUS@}}\n'


def write_relup(release: Installed, *, early: str = "", late: str = "") -> None:
    """Write the relup between both versions by hand.

    Args:
        release: where.
        early: instructions before the point of no return, with a comma at the end.
        late: the same, right after it.
    """

    def way(mode: str, to: str) -> str:
        loads = LOADS.replace("VERSION", f'"{to}"')
        return f"{early}{loads},point_of_no_return,{late}{CHANGES.replace('MODE', mode)}"

    text = f'{{"0.2.0",[{{"0.1.0",[],[{way("up", "0.2.0")}]}}],[{{"0.1.0",[],[{way("down", "0.1.0")}]}}]}}.\n'
    (release.root / "releases" / "0.2.0" / "relup").write_text(text)
