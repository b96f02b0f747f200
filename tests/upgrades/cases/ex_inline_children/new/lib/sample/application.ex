defmodule Sample.Application do
  use Application

  @impl true
  def start(_type, _args) do
    children = [{Sample.Thing, :stays}, {Sample.Thing, :one}, Sample.Server, {Sample.Thing, :two}]
    Supervisor.start_link(children, strategy: :one_for_one, name: Sample.Supervisor)
  end
end
