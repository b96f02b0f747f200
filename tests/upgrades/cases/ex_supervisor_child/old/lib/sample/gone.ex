defmodule Sample.Gone do
  use Supervisor

  def start_link(_), do: Supervisor.start_link(__MODULE__, nil, name: __MODULE__)

  @impl true
  def init(_) do
    child = %{
      id: :gone,
      start: {Agent, :start_link, [Function, :identity, [:gone], [name: :gone]]}
    }

    Supervisor.init([child], strategy: :one_for_one)
  end
end
