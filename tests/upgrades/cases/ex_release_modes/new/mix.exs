defmodule Sample.MixProject do
  use Mix.Project

  @modes [loaded: :load, none: :none, temp: :temporary]

  def project do
    [
      app: :sample,
      version: "0.1.0",
      start_permanent: true,
      deps: deps(),
      releases: [other: [], sample: release()]
    ]
  end

  def application do
    [extra_applications: [:logger], mod: {Sample.Application, []}]
  end

  defp deps, do: for({app, _} <- @modes, do: {app, path: "lib_#{app}", runtime: false})
  defp release, do: [applications: @modes]
end
