defmodule Sample.Application do
  use Application

  @impl true
  def start(_type, _args) do
    Supervisor.start_link([Sample.Shelf], strategy: :one_for_one, name: Sample.Supervisor)
  end
end
