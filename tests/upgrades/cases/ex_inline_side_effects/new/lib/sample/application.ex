defmodule Sample.Application do
  use Application
  require Logger

  @impl true
  def start(_type, _args) do
    :ets.new(:sample_table, [:named_table, :public])
    :persistent_term.put(:sample_began, make_ref())
    Logger.error("sample begins")

    more = %{
      id: :more,
      start: {Agent, :start_link, [Function, :identity, [:more], [name: :more]]}
    }

    Supervisor.start_link([Sample.Server, more], strategy: :one_for_one, name: Sample.Supervisor)
  end
end
