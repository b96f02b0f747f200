defmodule CounterDesk.MixProject do
  use Mix.Project

  def project do
    [
      app: :counter_desk,
      version: "0.1.0",
      build_path: "../../_build",
      config_path: "../../config/config.exs",
      deps_path: "../../deps",
      lockfile: "../../mix.lock",
      start_permanent: Mix.env() == :prod,
      deps: [{:goods, in_umbrella: true}]
    ]
  end

  def application do
    [extra_applications: [:logger], mod: {CounterDesk.Application, []}]
  end
end
