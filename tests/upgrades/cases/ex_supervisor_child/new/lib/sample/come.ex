defmodule Sample.Come do
  use Supervisor

  def start_link(_), do: Supervisor.start_link(__MODULE__, nil, name: __MODULE__)

  @impl true
  def init(_) do
    child = %{
      id: :come,
      start: {Agent, :start_link, [Function, :identity, [:come], [name: :come]]}
    }

    Supervisor.init([child], strategy: :one_for_one)
  end
end
