defmodule None.MixProject do
  use Mix.Project

  def project, do: [app: :none, version: "1.0.0"]
end
