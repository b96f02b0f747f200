defmodule Sample.Inner do
  use Supervisor

  def start_link(_), do: Supervisor.start_link(__MODULE__, nil, name: __MODULE__)

  @impl true
  def init(_) do
    children = [{Sample.Thing, :one}, {Sample.Thing, :stays}, {Sample.Thing, :two}]
    Supervisor.init(children, strategy: :one_for_all, max_restarts: 5)
  end
end
