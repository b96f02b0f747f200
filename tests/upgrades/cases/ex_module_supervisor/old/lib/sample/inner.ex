defmodule Sample.Inner do
  use Supervisor

  def start_link(_), do: Supervisor.start_link(__MODULE__, nil, name: __MODULE__)

  @impl true
  def init(_),
    do: Supervisor.init([{Sample.Thing, :stays}, {Sample.Thing, :gone}], strategy: :one_for_one)
end
