defmodule Umbrella.MixProject do
  use Mix.Project

  def project do
    [apps_path: "apps", version: "0.1.0", start_permanent: true, deps: [], releases: releases()]
  end

  defp releases,
    do: [sample: [version: "0.1.0", applications: [sample: :permanent, other: :permanent]]]
end
