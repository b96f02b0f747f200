defmodule Come do
  use Application

  @impl true
  def start(_type, _args) do
    child = %{
      id: :come,
      start: {Agent, :start_link, [Function, :identity, [:come], [name: :come]]}
    }

    Supervisor.start_link([child], strategy: :one_for_one)
  end

  def word, do: Application.fetch_env!(:come, :word)
end
