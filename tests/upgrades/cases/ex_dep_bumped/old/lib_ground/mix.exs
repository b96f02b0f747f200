defmodule Ground.MixProject do
  use Mix.Project

  def project, do: [app: :ground, version: "1.1.0"]
  def application, do: [mod: {Ground.Application, []}]
end
