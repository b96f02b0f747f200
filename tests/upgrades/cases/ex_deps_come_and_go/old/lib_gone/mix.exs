defmodule Gone.MixProject do
  use Mix.Project

  def project, do: [app: :gone, version: "1.0.0"]
  def application, do: [mod: {Gone, []}]
end
