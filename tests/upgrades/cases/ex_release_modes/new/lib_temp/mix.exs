defmodule Temp.MixProject do
  use Mix.Project

  def project, do: [app: :temp, version: "1.0.0"]
  def application, do: [mod: {Temp, []}]
end
