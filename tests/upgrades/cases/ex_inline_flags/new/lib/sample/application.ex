defmodule Sample.Application do
  use Application

  @impl true
  def start(_type, _args) do
    children = [{Sample.Server, :other}]

    Supervisor.start_link(children,
      strategy: :rest_for_one,
      max_restarts: 9,
      name: Sample.Supervisor
    )
  end
end
