defmodule Sample.Application do
  use Application

  @impl true
  def start(_type, _args) do
    children = [
      {Registry, keys: :unique, name: Sample.Names},
      {PartitionSupervisor, child_spec: Sample.Desk, name: Sample.Desks, partitions: 2},
      {DynamicSupervisor, name: Sample.Guests, strategy: :one_for_one}
    ]

    Supervisor.start_link(children, strategy: :one_for_one, name: Sample.Supervisor)
  end
end
