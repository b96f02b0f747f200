defmodule EctoSQL.MixProject do
  use Mix.Project

  def project, do: [app: :ecto_sql, version: "3.14.0", deps: []]
  def application, do: [extra_applications: [:logger]]
end
