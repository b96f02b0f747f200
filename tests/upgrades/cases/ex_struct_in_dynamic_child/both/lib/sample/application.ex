defmodule Sample.Application do
  use Application

  @impl true
  def start(_type, _args) do
    children = [{DynamicSupervisor, name: Sample.Guests, strategy: :one_for_one}]
    Supervisor.start_link(children, strategy: :one_for_one, name: Sample.Supervisor)
  end
end
