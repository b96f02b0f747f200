defmodule Lib.MixProject do
  use Mix.Project

  def project, do: [app: :lib, version: "1.1.0"]
end
