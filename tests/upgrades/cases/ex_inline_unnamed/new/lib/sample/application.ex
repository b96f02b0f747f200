defmodule Sample.Application do
  use Application

  @impl true
  def start(_type, _args) do
    {:ok, _} = Supervisor.start_link([], strategy: :one_for_one)

    more = %{
      id: :more,
      start: {Agent, :start_link, [Function, :identity, [:more], [name: :more]]}
    }

    Supervisor.start_link([Sample.Server, more], strategy: :one_for_one)
  end
end
