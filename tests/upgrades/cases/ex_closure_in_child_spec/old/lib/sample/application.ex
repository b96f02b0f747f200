defmodule Sample.Application do
  use Application

  @impl true
  def start(_type, _args) do
    children = [
      Sample.Server,
      %{id: :word, start: {Agent, :start_link, [fn -> "old" end, [name: :word]]}}
    ]

    Supervisor.start_link(children, strategy: :one_for_one, name: Sample.Supervisor)
  end
end
