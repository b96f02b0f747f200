defmodule Loaded.MixProject do
  use Mix.Project

  def project, do: [app: :loaded, version: "1.0.0"]
  def application, do: [env: [word: "loaded"]]
end
