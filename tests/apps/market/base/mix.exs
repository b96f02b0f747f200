defmodule Market.MixProject do
  use Mix.Project

  def project do
    [
      apps_path: "apps",
      version: "0.1.0",
      start_permanent: Mix.env() == :prod,
      deps: [],
      releases: [
        shop: [version: "0.1.0", applications: [goods: :permanent, counter_desk: :permanent]],
        office: [version: "0.1.0", applications: [goods: :permanent]]
      ]
    ]
  end
end
