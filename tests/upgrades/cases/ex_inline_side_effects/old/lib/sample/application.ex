defmodule Sample.Application do
  use Application
  require Logger

  @impl true
  def start(_type, _args) do
    :ets.new(:sample_table, [:named_table, :public])
    :persistent_term.put(:sample_began, make_ref())
    Logger.error("sample begins")
    Supervisor.start_link([Sample.Server], strategy: :one_for_one, name: Sample.Supervisor)
  end
end
