defmodule Sample.Application do
  use Application

  @impl true
  def start(_type, _args) do
    inner = %{id: Sample.Inner, start: {Sample.Inner, :start_link, []}, type: :supervisor}
    Supervisor.start_link([inner], strategy: :one_for_one, name: Sample.Supervisor)
  end
end
