defmodule Sample.Application do
  use Application

  @impl true
  def start(_type, _args) do
    Supervisor.start_link([Sample.Server], strategy: :one_for_one, name: Sample.Supervisor)
  end

  @impl true
  def start_phase(phase, _type, _args) do
    Sample.Server.put(phase)
    :ok
  end
end
