defmodule Lib.MixProject do
  use Mix.Project

  def project, do: [app: :lib, version: "1.0.0"]
end
