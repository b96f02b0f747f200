defmodule Other.MixProject do
  use Mix.Project

  def project do
    [
      app: :other,
      version: "1.4.0",
      build_path: "../../_build",
      config_path: "../../config/config.exs",
      deps_path: "../../deps",
      lockfile: "../../mix.lock"
    ]
  end

  def application, do: [mod: {Other.Application, []}]
end
