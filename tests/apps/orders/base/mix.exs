defmodule Orders.MixProject do
  use Mix.Project

  def project do
    [
      app: :orders,
      version: "0.1.0",
      start_permanent: Mix.env() == :prod,
      deps: [
        {:pricing, path: "pricing"},
        {:ledger, git: "@LEDGER@", tag: "1.4.0"}
      ]
    ]
  end

  def application do
    [extra_applications: [:logger], mod: {Orders.Application, []}]
  end
end
