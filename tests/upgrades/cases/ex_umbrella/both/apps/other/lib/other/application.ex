defmodule Other.Application do
  use Application

  @impl true
  def start(_type, _args) do
    Supervisor.start_link(
      [%{id: :other, start: {Agent, :start_link, [Map, :new, [], [name: :other]]}}],
      strategy: :one_for_one
    )
  end
end
