defmodule Mix.Tasks.Compile.Native do
  use Mix.Task.Compiler

  @impl true
  def run(_args) do
    include = Path.join([:code.root_dir(), "usr", "include"])
    {output, status} = System.cmd("make", ["--silent", "INCLUDE=#{include}"], stderr_to_stdout: true)
    if status == 0, do: {:ok, []}, else: Mix.raise("make failed:\n#{output}")
  end
end

defmodule Thermo.MixProject do
  use Mix.Project

  def project do
    [
      app: :thermo,
      version: "0.1.0",
      start_permanent: Mix.env() == :prod,
      compilers: [:native | Mix.compilers()],
      deps: []
    ]
  end

  def application do
    [extra_applications: [:logger], mod: {Thermo.Application, []}]
  end
end
