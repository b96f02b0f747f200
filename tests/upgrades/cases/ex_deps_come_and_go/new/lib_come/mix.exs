defmodule Come.MixProject do
  use Mix.Project

  def project, do: [app: :come, version: "1.0.0"]
  def application, do: [mod: {Come, []}, env: [word: "come"]]
end
