defmodule Signs.MixProject do
  use Mix.Project

  def project do
    [app: :signs, version: "0.1.0", start_permanent: Mix.env() == :prod, deps: []]
  end

  def application do
    [extra_applications: [:logger], mod: {Signs.Application, []}]
  end
end
