defmodule Sample.MixProject do
  use Mix.Project

  def project do
    [app: :sample, version: "0.1.0", start_permanent: true, deps: []]
  end

  def application do
    [extra_applications: [:logger, :inets], mod: {Sample.Application, []}]
  end
end
