defmodule Sample.Application do
  use Application

  @impl true
  def start(_type, _args) do
    {:ok, _} = Supervisor.start_link([], strategy: :one_for_one)
    Supervisor.start_link([Sample.Server], strategy: :one_for_one)
  end
end
