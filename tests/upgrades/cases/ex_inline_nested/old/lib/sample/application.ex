defmodule Sample.Application do
  use Application

  @impl true
  def start(_type, _args) do
    inner = [[{Sample.Thing, :stays}, {Sample.Thing, :gone}], [strategy: :one_for_one]]

    children = [
      Sample.Server,
      %{id: :inner, start: {Supervisor, :start_link, inner}, type: :supervisor},
      {DynamicSupervisor, name: Sample.Guests, strategy: :one_for_one, max_restarts: 5}
    ]

    Supervisor.start_link(children, strategy: :one_for_one, name: Sample.Supervisor)
  end
end
