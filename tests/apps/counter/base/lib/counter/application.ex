defmodule Counter.Application do
  use Application

  @impl true
  def start(_type, _args) do
    children = [Counter.Memory, Counter.Listener]
    Supervisor.start_link(children, strategy: :one_for_one, name: Counter.Supervisor)
  end
end
