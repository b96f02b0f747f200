defmodule Shelf.MixProject do
  use Mix.Project

  def project do
    [
      app: :shelf,
      version: "0.1.0",
      elixir: "~> 1.12",
      start_permanent: Mix.env() == :prod,
      deps: [{:ecto_sql, path: "ecto_sql"}]
    ]
  end

  def application do
    [extra_applications: [:logger], mod: {Shelf.Application, []}]
  end
end
