defmodule Sample.Application do
  use Application

  @impl true
  def start(_type, _args) do
    _ = GenServer.call(:inets_sup, :which_children)
    more = %{id: :more, start: {Agent, :start_link, [Function, :identity, [:more]]}}
    Supervisor.start_link([Sample.Server, more], strategy: :one_for_one, name: Sample.Supervisor)
  end
end
