defmodule Sample.Application do
  use Application

  @impl true
  def start(_type, _args) do
    Supervisor.start_link([Sample.Server], strategy: :one_for_one, name: Sample.Supervisor)
  end

  @impl true
  def config_change(changed, new, removed) do
    heard = Enum.map([changed, new, removed], &Enum.sort/1)
    Sample.Server.put([heard | Sample.Server.get()])
  end
end
