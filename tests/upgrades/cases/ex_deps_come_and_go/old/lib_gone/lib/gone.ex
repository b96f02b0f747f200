defmodule Gone do
  use Application

  @impl true
  def start(_type, _args) do
    child = %{
      id: :gone,
      start: {Agent, :start_link, [Function, :identity, [:gone], [name: :gone]]}
    }

    Supervisor.start_link([child], strategy: :one_for_one)
  end

  def word, do: "gone"
end
