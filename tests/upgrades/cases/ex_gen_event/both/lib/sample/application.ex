defmodule Sample.Application do
  use Application

  @impl true
  def start(_type, _args) do
    events = %{
      id: :events,
      start: {:gen_event, :start_link, [{:local, :events}]},
      modules: :dynamic
    }

    {:ok, top} = Supervisor.start_link([events], strategy: :one_for_one, name: Sample.Supervisor)
    :ok = :gen_event.add_handler(:events, Sample.Counts, nil)
    {:ok, top}
  end
end
