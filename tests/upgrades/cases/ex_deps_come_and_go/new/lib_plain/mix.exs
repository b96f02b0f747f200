defmodule Plain.MixProject do
  use Mix.Project

  def project, do: [app: :plain, version: "1.0.0"]
end
