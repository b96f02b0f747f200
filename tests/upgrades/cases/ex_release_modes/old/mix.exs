defmodule Sample.MixProject do
  use Mix.Project

  def project do
    [
      app: :sample,
      version: "0.1.0",
      start_permanent: true,
      deps: [],
      releases: [other: [], sample: []]
    ]
  end

  def application do
    [extra_applications: [:logger], mod: {Sample.Application, []}]
  end
end
