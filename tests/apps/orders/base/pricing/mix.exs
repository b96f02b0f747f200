defmodule Pricing.MixProject do
  use Mix.Project

  def project, do: [app: :pricing, version: "2.1.0", deps: []]
  def application, do: []
end
